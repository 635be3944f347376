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
from controlplane.api.links import account_url
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT
from controlplane.api.shapes.account import (
    ACCOUNT,
    ACCOUNT_CHANGE,
    ACCOUNT_CREATE,
    ACCOUNT_LIST,
    ACCOUNT_MOVE,
    ME,
    account_json,
    me_json,
)
from controlplane.api.views.base import ApiView
from controlplane.tenants.access import Permission
from controlplane.tenants.accounts import rename_account
from controlplane.tenants.addresses import base_of
from controlplane.tenants.models import Account
from controlplane.tenants.rights import require
from controlplane.tenants.services import create_account
from provisioner.lifecycle.move import move_account


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
        require(actor, Permission.ACCOUNT_CREATE, tenant_id=tenant.id)

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
        found = scope.the_account(actor_of(request), account, self.query)
        return Response(account_json(found, base=base_of(request)))

    @contract(
        operation_id="change_account",
        summary="Rename an account",
        tag="accounts",
        answers={200: ACCOUNT},
        body=ACCOUNT_CHANGE,
        query=(TENANT,),
        problems=(403, 404),
        idempotent=True,
    )
    def patch(self, request: Request, account: str) -> HttpResponse:
        """Give it another name; its slug stays."""
        actor, base = actor_of(request), base_of(request)
        found, body = scope.the_account(actor, account, self.query), self.body(request)

        def act() -> Answer:
            row = rename_account(actor=actor, account_id=found.id, name=body["name"])
            return Answer(200, account_json(row, base=base))

        return once(request, act)


class AccountMove(ApiView):
    """An account in another tenant."""

    @contract(
        operation_id="move_account",
        summary="Move an account to another tenant",
        tag="accounts",
        answers={200: ACCOUNT},
        body=ACCOUNT_MOVE,
        query=(TENANT,),
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        """Move it with its runtimes and their history, for platform admins; what it cost stays where it was."""
        actor, base = actor_of(request), base_of(request)
        found, body = scope.the_account(actor, account, self.query), self.body(request)

        def act() -> Answer:
            row = move_account(
                actor=actor,
                account_id=found.id,
                from_slug=body["from"],
                to_slug=body["to"],
                reason=body["reason"],
            )
            return Answer(200, account_json(row, base=base))

        return once(request, act)


class Me(ApiView):
    """Who asks."""

    @contract(
        operation_id="read_me",
        summary="Read who the token speaks for",
        tag="accounts",
        answers={200: ME},
        of_no_tenant=True,
    )
    def get(self, request: Request) -> Response:
        """Return name, tenant, role and permissions of the token."""
        actor = actor_of(request)
        return Response(me_json(actor, tenant_of(request), scope.token_of(actor)))
