"""Who asks: bearer tokens, each of one tenant or of the platform's team."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.tenants.access import Actor
from controlplane.tenants.audit.denials import note_asker
from controlplane.tenants.models import Tenant
from controlplane.tenants.services import bearer_that_was, find_bearer

if TYPE_CHECKING:
    from rest_framework.views import APIView

_BEARER = re.compile(r"Bearer +([\x21-\x7e]{1,512})", re.IGNORECASE)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer nesoi_…`; a missing, malformed, unknown or expired token has a code of its own."""

    def authenticate(self, request: Request) -> tuple[Actor, Tenant | None] | None:
        """Return the token's actor and tenant, or None when no token was sent; raises AuthenticationFailed."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        match = _BEARER.fullmatch(header.strip())
        if match is None:
            raise _failed("token_invalid", "Send the token as “Authorization: Bearer nesoi_…”.")
        bearer = find_bearer(match[1])
        if (bearer is None or bearer.expired) and (was := bearer_that_was(match[1])):
            note_asker(request._request, was)  # noqa: SLF001 - what stands around views sees Django's own request
        if bearer is None:
            raise _failed(
                "token_invalid", "This token is unknown or revoked; ask an admin of your tenant for another."
            )
        if bearer.expired:
            raise _failed(
                "token_expired", "This token has expired; ask an admin of your tenant for a new one."
            )
        address = request.META.get("REMOTE_ADDR", "")
        actor = replace(bearer.actor, request_id=getattr(request, "request_id", ""), address=address)
        return actor, bearer.tenant

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401; without one, REST framework would turn it into a 403."""
        return 'Bearer realm="nesoi"'


class IsAuthenticated(BasePermission):
    """Nothing without a token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True with an actor; raises NotAuthenticated without."""
        if isinstance(request.user, Actor):
            return True
        detail = "This needs a token: send “Authorization: Bearer nesoi_…”."
        raise NotAuthenticated(detail, code="token_missing")


def actor_of(request: Request) -> Actor:
    """Return who asks; only behind IsAuthenticated."""
    return cast("Actor", request.user)


def tenant_of(request: Request) -> Tenant | None:
    """Return the tenant whose token this is, or None for the platform's team; only behind IsAuthenticated."""
    return cast("Tenant | None", request.auth)


def _failed(code: str, detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, code=code)
