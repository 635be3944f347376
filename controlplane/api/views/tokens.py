"""API tokens and service accounts. What tells a secret heeds no Idempotency-Key: such an answer is never stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT
from controlplane.api.shapes.team import (
    SERVICE_ACCOUNT,
    SERVICE_ACCOUNT_CHANGE,
    SERVICE_ACCOUNT_CREATE,
    SERVICE_ACCOUNT_LIST,
    service_account_json,
)
from controlplane.api.shapes.token import (
    TOKEN,
    TOKEN_CREATE,
    TOKEN_LIST,
    TOKEN_MADE,
    TOKEN_ROTATE,
    token_json,
)
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor, Permission, Role, TokenScope
from controlplane.tenants.access_models import ServiceAccount
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require
from controlplane.tenants.service_accounts import (
    change_service_account,
    create_service_account,
    remove_service_account,
)
from controlplane.tenants.tokens import LONGEST_OVERLAP_HOURS, create_token, revoke_token, rotate_token

NO_STORE = {"Cache-Control": "no-store"}


def _require_sight(actor: Actor) -> None:
    """Raise Refused 403 unless the actor may see tokens where they are."""
    if not actor.may(Permission.TOKEN_READ):
        raise Refused("forbidden", "Only admins and owners see tokens; ask one of your tenant.", status=403)


class TokenList(ApiView):
    """The tokens of a tenant."""

    @contract(
        operation_id="list_tokens",
        summary="List tokens",
        tag="tokens",
        answers={200: TOKEN_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, ended ones included; no secret is among them."""
        _require_sight(actor_of(request))

        def write(rows: Sequence[Any]) -> list[dict[str, Any]]:
            return [token_json(row) for row in rows]

        return Response(page(request, self.query, scope.tokens(actor_of(request), self.query), write))

    @contract(
        operation_id="create_token",
        summary="Make a token",
        tag="tokens",
        answers={201: TOKEN_MADE},
        body=TOKEN_CREATE,
        problems=(403, 409),
    )
    def post(self, request: Request) -> Response:
        """Return the token with its secret, which is told this once."""
        body, actor = self.body(request), actor_of(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))
        require(actor, Permission.TOKEN_MANAGE, tenant_id=tenant.id)
        row, secret = create_token(
            actor=actor,
            tenant=tenant,
            name=body["name"],
            role=Role(body["role"]) if "role" in body else None,
            scopes=[TokenScope(word) for word in body.get("scopes", TokenScope)],
            days=body.get("expires_in_days"),
            service_account=_named(actor, tenant, body.get("service_account", "")),
        )
        return Response(token_json(row, secret), status=201, headers=NO_STORE)


class TokenDetail(ApiView):
    """One token."""

    @contract(
        operation_id="read_token",
        summary="Read a token",
        tag="tokens",
        answers={200: TOKEN},
        problems=(403, 404),
    )
    def get(self, request: Request, token: str) -> Response:
        """Return the token without its secret."""
        row = scope.found("token", token, scope.tokens(actor_of(request)))
        _require_sight(actor_of(request))
        return Response(token_json(row))

    @contract(
        operation_id="revoke_token",
        summary="Revoke a token",
        tag="tokens",
        answers={200: TOKEN},
        problems=(403, 404),
        idempotent=True,
    )
    def delete(self, request: Request, token: str) -> HttpResponse:
        """End it at once, with the secret from before its rotation."""
        known = scope.id_of("token", token)
        return once(
            request, lambda: Answer(200, token_json(revoke_token(actor=actor_of(request), token_id=known)))
        )


class TokenRotate(ApiView):
    """A token with a new secret."""

    @contract(
        operation_id="rotate_token",
        summary="Rotate a token",
        tag="tokens",
        answers={200: TOKEN_MADE},
        body=TOKEN_ROTATE,
        body_required=False,
        problems=(403, 404, 409),
    )
    def post(self, request: Request, token: str) -> Response:
        """Return the new secret; the present one works for `overlap_hours` more. A token may rotate itself."""
        body = self.body(request)
        row, secret = rotate_token(
            actor=actor_of(request),
            token_id=scope.id_of("token", token),
            overlap_hours=body.get("overlap_hours", LONGEST_OVERLAP_HOURS),
            days=body.get("expires_in_days"),
        )
        return Response(token_json(row, secret), headers=NO_STORE)


class ServiceAccountList(ApiView):
    """The service accounts of a tenant."""

    @contract(
        operation_id="list_service_accounts",
        summary="List service accounts",
        tag="tokens",
        answers={200: SERVICE_ACCOUNT_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        _require_sight(actor_of(request))

        def write(rows: Sequence[Any]) -> list[dict[str, Any]]:
            return [service_account_json(row) for row in rows]

        found = scope.service_accounts(actor_of(request), self.query)
        return Response(page(request, self.query, found, write))

    @contract(
        operation_id="create_service_account",
        summary="Make a service account",
        tag="tokens",
        answers={201: SERVICE_ACCOUNT},
        body=SERVICE_ACCOUNT_CREATE,
        problems=(403, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Make it; then make a token for it."""
        body, actor = self.body(request), actor_of(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))

        def act() -> Answer:
            row = create_service_account(
                actor=actor, tenant=tenant, name=body["name"], role=Role(body["role"])
            )
            return Answer(201, service_account_json(row))

        return once(request, act)


class ServiceAccountDetail(ApiView):
    """One service account."""

    @contract(
        operation_id="read_service_account",
        summary="Read a service account",
        tag="tokens",
        answers={200: SERVICE_ACCOUNT},
        problems=(403, 404),
    )
    def get(self, request: Request, service_account: str) -> Response:
        """Return the service account."""
        rows = scope.service_accounts(actor_of(request))
        row = scope.found("service_account", service_account, rows)
        _require_sight(actor_of(request))
        return Response(service_account_json(row))

    @contract(
        operation_id="change_service_account",
        summary="Give a service account another role",
        tag="tokens",
        answers={200: SERVICE_ACCOUNT},
        body=SERVICE_ACCOUNT_CHANGE,
        problems=(403, 404),
        idempotent=True,
    )
    def patch(self, request: Request, service_account: str) -> HttpResponse:
        """Change its role, and that of its tokens."""
        body, known = self.body(request), scope.id_of("service_account", service_account)

        def act() -> Answer:
            row = change_service_account(
                actor=actor_of(request), service_account_id=known, role=Role(body["role"])
            )
            return Answer(200, service_account_json(row))

        return once(request, act)

    @contract(
        operation_id="remove_service_account",
        summary="Remove a service account",
        tag="tokens",
        answers={200: SERVICE_ACCOUNT},
        problems=(403, 404),
        idempotent=True,
    )
    def delete(self, request: Request, service_account: str) -> HttpResponse:
        """Remove it and revoke its tokens."""
        known = scope.id_of("service_account", service_account)

        def act() -> Answer:
            row = remove_service_account(actor=actor_of(request), service_account_id=known)
            return Answer(200, service_account_json(row))

        return once(request, act)


def _named(actor: Actor, tenant: Tenant, text: str) -> ServiceAccount | None:
    """Return the service account that a token is for; raises Refused service_account_unknown."""
    if not text:
        return None
    known = parse_uuid(text)
    rows = scope.service_accounts(actor).filter(tenant=tenant)
    row = rows.filter(pk=known).first() if known else None
    if row is None:
        detail = "There is no such service account in your tenant; list them, or make one."
        raise Refused("service_account_unknown", detail, field="service_account")
    return row
