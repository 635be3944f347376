"""Tenants: the own one, and for the platform's team all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.links import invitation_page, tenant_url
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes.team import INVITATION, invitation_json
from controlplane.api.shapes.tenant import (
    OWNER_INVITATION,
    TENANT,
    TENANT_CHANGE,
    TENANT_CREATE,
    TENANT_LIST,
    tenant_json,
)
from controlplane.api.views.base import ApiView
from controlplane.tenants.addresses import base_of
from controlplane.tenants.models import Tenant
from controlplane.tenants.tenant import begin_tenant, invite_owner, owners_of, rename_tenant


class TenantList(ApiView):
    """Every tenant that the actor sees."""

    @contract(
        operation_id="list_tenants",
        summary="List tenants",
        tag="tenants",
        answers={200: TENANT_LIST},
        query=PAGES,
    )
    def get(self, request: Request) -> Response:
        """Return one page; a member sees the own tenant only, the platform's team all, closed ones included."""
        base = base_of(request)

        def write(rows: Sequence[Tenant]) -> list[dict[str, Any]]:
            owners = owners_of([row.pk for row in rows])
            return [tenant_json(row, owners=owners.get(row.pk, 0), base=base) for row in rows]

        return Response(page(request, self.query, scope.tenants(actor_of(request)), write))

    @contract(
        operation_id="create_tenant",
        summary="Make a tenant and invite its owner",
        tag="tenants",
        answers={201: TENANT},
        body=TENANT_CREATE,
        problems=(403, 409),
        headers={201: ("Location",)},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Make it, and send its first owner an invitation; for platform admins."""
        body, base = self.body(request), base_of(request)

        def act() -> Answer:
            row = begin_tenant(
                actor=actor_of(request),
                slug=body["slug"],
                name=body["name"],
                owner_email=body["owner_email"],
                address_of=_page(request),
            )
            return Answer(201, tenant_json(row, owners=0, base=base), {"Location": tenant_url(base, row.pk)})

        return once(request, act)


class TenantDetail(ApiView):
    """One tenant, by id or slug."""

    @contract(
        operation_id="read_tenant",
        summary="Read a tenant",
        tag="tenants",
        answers={200: TENANT},
        problems=(404,),
    )
    def get(self, request: Request, tenant: str) -> Response:
        """Return the tenant."""
        return Response(_shown(request, scope.the_tenant(actor_of(request), tenant)))

    @contract(
        operation_id="change_tenant",
        summary="Rename a tenant",
        tag="tenants",
        answers={200: TENANT},
        body=TENANT_CHANGE,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def patch(self, request: Request, tenant: str) -> HttpResponse:
        """Give it another name, for its owners and platform admins; its slug stays."""
        actor = actor_of(request)
        found, body = scope.the_tenant(actor, tenant), self.body(request)

        def act() -> Answer:
            return Answer(
                200, _shown(request, rename_tenant(actor=actor, tenant_id=found.pk, name=body["name"]))
            )

        return once(request, act)


class TenantOwner(ApiView):
    """Who shall own a tenant that nobody owns yet."""

    @contract(
        operation_id="invite_owner",
        summary="Invite an owner of a tenant without one",
        tag="tenants",
        answers={201: INVITATION},
        body=OWNER_INVITATION,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, tenant: str) -> HttpResponse:
        """Send the invitation, for platform admins; a former one of an owner is dead."""
        actor = actor_of(request)
        found, body = scope.the_tenant(actor, tenant), self.body(request)

        def act() -> Answer:
            row = invite_owner(
                actor=actor, tenant_id=found.pk, email=body["email"], address_of=_page(request)
            )
            return Answer(201, invitation_json(row))

        return once(request, act)


def _shown(request: Request, row: Tenant) -> dict[str, Any]:
    return tenant_json(row, owners=owners_of([row.pk]).get(row.pk, 0), base=base_of(request))


def _page(request: Request) -> Callable[[str], str]:
    base = base_of(request)
    return lambda secret: invitation_page(base, secret)
