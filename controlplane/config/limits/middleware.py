"""Counts every request before it costs anything, and refuses what is too much."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter

from controlplane.config.limits.answers import face_of, policy_field, refuse, state_field
from controlplane.config.limits.buckets import Verdict
from controlplane.config.limits.counting import open_store
from controlplane.config.limits.policies import (
    Policy,
    credential_of,
    is_counted,
    key_of,
    read_policies,
    subjects_of,
)
from controlplane.kernel.networks import customer_of
from controlplane.tenants.access import Actor

LIMITED = Counter("nesoi_rate_limited_requests", "Requests answered 429 by a rate limit", ["face", "policy"])
MOST_KNOWN = 20_000
_UNKNOWN = frozenset({302, 401})


class RateLimitMiddleware:
    """Stands behind who serves static files and before sessions.

    Whose a token is, the first answer tells: the tenant is counted from a credential's second request on, so that one round
    trip counts everything.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        try:
            self.policies = read_policies(settings.RATE_LIMITS)
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from error
        self.store = open_store(settings.CACHE_URL)
        self.secret = hashlib.sha256(f"rate limits {settings.SECRET_KEY}".encode()).digest()
        self.cookie: str = settings.SESSION_COOKIE_NAME
        self.tenants: dict[str, str] = {}  # by the digest of a credential
        self.fields: dict[tuple[str, ...], str] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path
        if not self.policies or not is_counted(path):
            return self.get_response(request)
        credential = credential_of(request, self.cookie)
        known = key_of("credential", credential, self.secret) if credential else ""
        subjects = subjects_of(
            str(request.method),
            path,
            address=customer_of(request.META.get("REMOTE_ADDR", "")),
            credential=credential,
            tenant=self.tenants.get(known, ""),
        )
        counted = {name: subjects[name] for name in self.policies if name in subjects}
        policies = [self.policies[name] for name in counted]
        verdict = self._take(counted, policies)
        if verdict is not None and verdict.refused_by is not None:
            refused_by = policies[verdict.refused_by]
            LIMITED.labels(face_of(path), refused_by.name).inc()
            response: HttpResponseBase = refuse(request, refused_by, verdict.wait)
        else:
            response = self.get_response(request)
            if known:
                self._learn(known, request, response.status_code)
        if verdict is not None and face_of(path) != "console":
            response["RateLimit-Policy"] = self._policy_field(policies)
            response["RateLimit"] = state_field(policies, verdict)
        return response

    def _take(self, counted: Mapping[str, str], policies: Sequence[Policy]) -> Verdict | None:
        if not counted:
            return None
        keys = [key_of(name, subject, self.secret) for name, subject in counted.items()]
        return self.store.take(keys, [policy.limit for policy in policies])

    def _policy_field(self, policies: Sequence[Policy]) -> str:
        names = tuple(policy.name for policy in policies)
        if names not in self.fields:
            self.fields[names] = policy_field(policies)
        return self.fields[names]

    def _learn(self, known: str, request: HttpRequest, status: int) -> None:
        """Remember whose the credential is; forget it when it is nobody's any more."""
        tenant = tenant_of(request)
        if tenant:
            if len(self.tenants) > MOST_KNOWN:
                self.tenants.clear()
            self.tenants[known] = tenant
        elif status in _UNKNOWN:
            self.tenants.pop(known, None)


def tenant_of(request: HttpRequest) -> str:
    """Return the id of the tenant that an answered request was about, or an empty text."""
    visitor = getattr(request, "visitor", None)
    # Its type, and no more: the console's `user` is lazy, and looking into it costs a query.
    user = getattr(request, "user", None)
    actor = visitor.actor if visitor is not None else user if type(user) is Actor else None
    found = getattr(request, "tenant_id", None) if actor is None else actor.tenant_id
    return str(found or "")
