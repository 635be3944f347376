"""Notes who was refused what: whatever face says 401 or 403, or 404 to a write or to who reads something by its id.

A foreign id and one that nobody has are noted alike: a row for one of them only would tell by its time which it is.

Rows are written after the answer is made, in a transaction of their own; what is allowed costs a look at its status. One actor
at one address and endpoint leaves a row for the first attempt within a minute, then for the tenth, the hundredth and so on. How
many rows a minute may hold, `bounding` says: whoever tries doors all day can neither fill the table nor use up what others have.
All attempts are counted in `nesoi_denied_requests_total`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.db import Error, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject
from prometheus_client import Counter

from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor
from controlplane.tenants.audit.bounding import count_attempt
from controlplane.tenants.audit.writing import DENIED, record
from controlplane.tenants.isolation.scopes import scope_of, scoped
from controlplane.tenants.models import User

log = structlog.get_logger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
# What an id in an address names, where it is a word or anything that a platform chose; elsewhere only a UUID is an id, for what
# stands in its place may be a secret.
NAMED = frozenset({"runtime", "operation", "account", "tenant", "user", "member", "instance", "binding"})
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


def note_asker(request: HttpRequest, actor: Actor) -> None:
    """Say whose the credential was that lets nobody in any more: they have to learn that somebody uses it."""
    request.asker_that_was = actor  # type: ignore[attr-defined]


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
    if status < UNAUTHORIZED:
        return hasattr(request, "denial")
    if hasattr(request, "denial") or status == FORBIDDEN:
        return True
    if status not in {UNAUTHORIZED, NOT_FOUND} or request.resolver_match is None:
        return False
    return status == UNAUTHORIZED or request.method not in SAFE or _thing(request) is not None


def _note(request: HttpRequest, response: HttpResponseBase) -> None:
    match = request.resolver_match
    DENIALS.labels((match.namespace if match else "") or "other", str(response.status_code)).inc()
    actor = _actor(request)
    denial: Denial = getattr(request, "denial", None) or _told_by_status(request, response)
    kind = f"{actor.name}|{actor.address}|{denial.action}|{denial.facts}|{denial.code}"
    times, last = count_attempt(kind, actor)
    if not times:
        return
    facts = {**denial.facts, "code": denial.code, **({"times": times} if times > 1 else {})}
    if last:
        facts["further"] = "not noted within this minute"
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
    kind, named = _thing(request) or ("address", match.view_name if match else "")
    return Denial("request.refuse", kind, named, _code(response), facts=facts)


def _thing(request: HttpRequest) -> tuple[str, str] | None:
    """Return the kind and the id of what the address names, or None."""
    found = None
    for name, value in request.resolver_match.kwargs.items() if request.resolver_match else ():
        kind = name.removesuffix("_id")
        if kind in NAMED or parse_uuid(str(value)):
            found = kind, str(value)
    return found


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
    was: Actor | None = getattr(request, "asker_that_was", None)
    if was is not None:
        return replace(was, **here)
    if isinstance(user, SimpleLazyObject):
        user = user if user.is_authenticated else None
    if isinstance(user, Actor):
        return replace(user, **here)
    if isinstance(user, User):
        return Actor(user.get_username(), user_id=user.id, **here)
    return Actor("nobody", **here)
