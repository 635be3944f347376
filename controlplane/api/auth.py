"""Who asks: bearer tokens, each of one tenant or of the platform's team."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor
from controlplane.tenants.models import ApiToken
from controlplane.tenants.services import actor_of_token, digest_of

if TYPE_CHECKING:
    from rest_framework.views import APIView

_BEARER = re.compile(r"Bearer +([\x21-\x7e]{1,512})", re.IGNORECASE)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer nesoi_…`; a missing, malformed, unknown or expired token has a code of its own."""

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        """Return the token's actor, or None when no token was sent; raises AuthenticationFailed."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        match = _BEARER.fullmatch(header.strip())
        if match is None:
            raise _failed("token_invalid", "Send the token as “Authorization: Bearer nesoi_…”.")
        actor = actor_of_token(match[1])
        if actor is None:
            raise _why_not(match[1])
        address = request.META.get("REMOTE_ADDR", "")
        return replace(actor, request_id=getattr(request, "request_id", ""), address=address), None

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


def _why_not(plain: str) -> AuthenticationFailed:
    row = ApiToken.objects.filter(digest=digest_of(plain)).only("expires_at", "revoked_at").first()
    if (
        row is not None
        and row.revoked_at is None
        and row.expires_at is not None
        and row.expires_at <= utcnow()
    ):
        return _failed("token_expired", "This token has expired; ask an admin of your tenant for a new one.")
    return _failed(
        "token_invalid", "This token is unknown or revoked; ask an admin of your tenant for another."
    )


def _failed(code: str, detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, code=code)
