"""Accounts, and who asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of, tenant_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.links import account_url, base_of
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT
from controlplane.api.shapes.account import ACCOUNT, ACCOUNT_CREATE, ACCOUNT_LIST, ME, account_json, me_json
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Account
from controlplane.tenants.services import create_account


class AccountList(ApiView):
    """The accounts of a tenant."""

    @contract(
        operation_id="list_accounts",
        summary="List accounts",
        tag="accounts",
        answers={200: ACCOUNT_LIST},
        query=(*PAGES, TENANT),
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        base = base_of(request)

        def write(rows: Sequence[Account]) -> list[dict[str, Any]]:
            return [account_json(account, base=base) for account in rows]

        return Response(page(request, self.query, scope.accounts(actor_of(request), self.query), write))

    @contract(
        operation_id="create_account",
        summary="Create an account",
        tag="accounts",
        answers={201: ACCOUNT},
        body=ACCOUNT_CREATE,
        problems=(403, 409),
        headers={201: ("Location",)},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Create it; for admins and owners."""
        body = self.body(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))
        actor, base = actor_of(request), base_of(request)
        if not actor.may(Permission.ACCOUNT_CREATE, tenant_id=tenant.id):
            detail = "Only admins and owners create accounts; ask one of your tenant."
            raise Refused("forbidden", detail, status=403)

        def act() -> Answer:
            account = create_account(actor=actor, tenant=tenant, slug=body["slug"], name=body["name"])
            return Answer(201, account_json(account, base=base), {"Location": account_url(base, account.id)})

        return once(request, act)


class AccountDetail(ApiView):
    """One account."""

    @contract(
        operation_id="read_account",
        summary="Read an account",
        tag="accounts",
        answers={200: ACCOUNT},
        query=(TENANT,),
        problems=(404,),
    )
    def get(self, request: Request, account: str) -> Response:
        """Return the account by id or slug; a slug that several tenants use needs `tenant` from the platform's team."""
        rows = scope.accounts(actor_of(request), self.query)
        known = parse_uuid(account)
        found = list(rows.filter(pk=known) if known else rows.filter(slug=account)[:2])
        if not found:
            raise scope.missing("account", account)
        if len(found) > 1:
            detail = f"Several tenants have an account “{account}”; add ?tenant= with the slug of one."
            raise Refused("tenant_required", detail, status=400)
        return Response(account_json(found[0], base=base_of(request)))


class Me(ApiView):
    """Who asks."""

    @contract(
        operation_id="read_me", summary="Read who the token speaks for", tag="accounts", answers={200: ME}
    )
    def get(self, request: Request) -> Response:
        """Return name, tenant, role and permissions of the token."""
        actor = actor_of(request)
        return Response(me_json(actor, tenant_of(request), scope.token_of(actor)))
