"""Notes who was refused what: whatever face says 401, 403 or, to a write, 404.

Rows are written after the answer is made, in a transaction of their own. One row for the first attempt of a kind within a
minute, then for the tenth, the hundredth and so on, and no more than LARGEST_MINUTE a minute altogether: whoever tries doors
all day cannot fill the table. All of them are counted in `nesoi_denied_requests_total`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.core.cache import cache
from django.db import Error, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject
from prometheus_client import Counter
from redis.exceptions import RedisError

from controlplane.tenants.access import Actor
from controlplane.tenants.audit.writing import DENIED, record
from controlplane.tenants.isolation.scopes import scope_of, scoped
from controlplane.tenants.models import User

log = structlog.get_logger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
LARGEST_MINUTE = 300
LARGEST_MINUTE_ALONE = 60  # of one process, while the cache is away
DENIALS = Counter(
    "nesoi_denied_requests", "Requests that were refused with 401, 403 or 404", ["face", "status"]
)


@dataclass(frozen=True)
class Denial:
    """What a view says of a refusal that its status does not tell: a failed sign-in is answered with a form."""

    action: str
    target_type: str
    target_id: str
    code: str
    actor_name: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def note_denial(request: HttpRequest, denial: Denial) -> None:
    """Have the middleware write this once the request is answered."""
    request.denial = denial  # type: ignore[attr-defined]


class DeniedMiddleware:
    """Stands before everything that refuses, and changes no answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if _is_denied(request, response.status_code):
            try:
                _note(request, response)
            except Error as error:
                log.warning("a denied attempt could not be noted", error=type(error).__name__)
        return response


def _is_denied(request: HttpRequest, status: int) -> bool:
    if hasattr(request, "denial") or status == FORBIDDEN:
        return True
    return (
        request.method not in SAFE
        and status in {UNAUTHORIZED, NOT_FOUND}
        and request.resolver_match is not None
    )


def _note(request: HttpRequest, response: HttpResponseBase) -> None:
    match = request.resolver_match
    DENIALS.labels((match.namespace if match else "") or "other", str(response.status_code)).inc()
    actor = _actor(request)
    denial: Denial = getattr(request, "denial", None) or _told_by_status(request, response)
    times = _times(f"{actor.name}|{actor.address}|{denial.action}|{denial.facts}|{denial.code}")
    if not times:
        return
    facts = {**denial.facts, "code": denial.code, **({"times": times} if times > 1 else {})}
    with scoped(scope_of(actor)), transaction.atomic():
        record(
            denial.action,
            actor=actor if not denial.actor_name else replace(actor, name=denial.actor_name),
            tenant_id=actor.tenant_id,
            target_type=denial.target_type,
            target_id=denial.target_id,
            changes=facts,
            outcome=DENIED,
        )


def _told_by_status(request: HttpRequest, response: HttpResponseBase) -> Denial:
    """Name the thing by the address's own pattern: what stands in its place may be a secret, or anything."""
    match = request.resolver_match
    route = f"{request.method} /{match.route if match else ''}"
    facts = {"request": route, "status": response.status_code}
    kind, named = "address", match.view_name if match else ""
    for name, value in (match.kwargs if match else {}).items():
        if name.removesuffix("_id") in {"runtime", "operation", "account", "tenant", "user", "member"}:
            kind, named = name.removesuffix("_id"), str(value)
    return Denial("request.refuse", kind, named, _code(response), facts=facts)


def _code(response: HttpResponseBase) -> str:
    if "problem+json" not in response.headers.get("Content-Type", ""):
        return ""
    try:
        return str(json.loads(getattr(response, "content", b""))["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _actor(request: HttpRequest) -> Actor:
    visitor = getattr(request, "visitor", None)
    if visitor is not None:
        found: Actor = visitor.actor
        return found
    user: Any = getattr(request, "user", None)
    here = {"request_id": getattr(request, "request_id", ""), "address": request.META.get("REMOTE_ADDR", "")}
    if isinstance(user, SimpleLazyObject):
        user = user if user.is_authenticated else None
    if isinstance(user, Actor):
        return replace(user, **here)
    if isinstance(user, User):
        return Actor(user.get_username(), user_id=user.id, **here)
    return Actor("nobody", **here)


def _times(kind: str) -> int:
    """Count one more attempt of this kind; return how many there were this minute when it deserves a row, else 0."""
    minute = int(time.time() // 60)
    digest = hashlib.sha256(kind.encode(errors="replace")).hexdigest()
    try:
        count = _count(f"denied:{minute}:{digest}")
        if count not in {1, 10, 100, 1000, 10_000, 100_000}:
            return 0
        return count if _count(f"denied:{minute}:all") <= LARGEST_MINUTE else 0
    except RedisError:
        return 1 if _alone.count(minute) <= LARGEST_MINUTE_ALONE else 0


def _count(key: str) -> int:
    cache.add(key, 0, 120)
    try:
        return int(cache.incr(key))
    except ValueError:  # forgotten between the two calls
        return 1


class _Alone:
    """Counts within this process."""

    def __init__(self) -> None:
        self._minute = self._counted = 0

    def count(self, minute: int) -> int:
        if minute != self._minute:
            self._minute, self._counted = minute, 0
        self._counted += 1
        return self._counted


_alone = _Alone()
