"""A tenant's identity providers. Their secrets are written here and told nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.links import provider_url
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes.identity import (
    FINDING,
    PROVIDER,
    PROVIDER_CHANGE,
    PROVIDER_CREATE,
    PROVIDER_LIST,
    finding_json,
    provider_json,
)
from controlplane.api.views.base import ApiView
from controlplane.identity import providers
from controlplane.identity.models import IdentityProvider
from controlplane.identity.oidc.discovery import metadata_of
from controlplane.identity.probing import probe_provider
from controlplane.identity.wishes import check_issuer
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.addresses import base_of

OURS = [one.name for one in fields(providers.Wish)]


def _require(actor: Actor, tenant_id: UUID | None) -> None:
    """Raise Refused 403 unless the actor manages the providers of this tenant."""
    if tenant_id is None or not actor.may(Permission.IDENTITY_MANAGE, tenant_id=tenant_id):
        detail = "Only admins and owners manage identity providers; ask one of your tenant."
        raise Refused("forbidden", detail, status=403)


class ProviderList(ApiView):
    """The identity providers of a tenant."""

    @contract(
        operation_id="list_identity_providers",
        summary="List identity providers",
        tag="identity",
        answers={200: PROVIDER_LIST},
        query=PAGES,
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        actor, base = actor_of(request), base_of(request)
        _require(actor, actor.tenant_id)

        def write(rows: Sequence[IdentityProvider]) -> list[dict[str, Any]]:
            return [provider_json(row, base=base) for row in rows]

        return Response(page(request, self.query, scope.providers(actor), write))

    @contract(
        operation_id="create_identity_provider",
        summary="Register an identity provider",
        tag="identity",
        answers={201: PROVIDER},
        body=PROVIDER_CREATE,
        problems=(403, 409),
        headers={201: ("Location",)},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask the issuer who it is, then register it; what it must be told stands in the answer."""
        body, actor, base = self.body(request), actor_of(request), base_of(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))
        _require(actor, tenant.id)
        if (
            not scope.providers(actor).filter(issuer=body["issuer"]).exists()
        ):  # else nothing new is registered
            _ask(body["issuer"])

        def act() -> Answer:
            row = providers.add_provider(
                actor=actor, tenant=tenant, issuer=body["issuer"], wish=providers.Wish(**_clean(body))
            )
            return Answer(201, provider_json(row, base=base), {"Location": provider_url(base, row.pk)})

        return once(request, act)


class ProviderDetail(ApiView):
    """One identity provider."""

    @contract(
        operation_id="read_identity_provider",
        summary="Read an identity provider",
        tag="identity",
        answers={200: PROVIDER},
        problems=(404,),
    )
    def get(self, request: Request, provider: str) -> Response:
        """Return the provider, without its secret."""
        return Response(provider_json(_found(request, provider), base=base_of(request)))

    @contract(
        operation_id="change_identity_provider",
        summary="Change an identity provider",
        tag="identity",
        answers={200: PROVIDER},
        body=PROVIDER_CHANGE,
        problems=(403, 404),
        idempotent=True,
    )
    def patch(self, request: Request, provider: str) -> HttpResponse:
        """Change what is named; the issuer stays, for its people are known by it."""
        row, body, base = _found(request, provider), self.body(request), base_of(request)
        stands = {name: getattr(row, name) for name in OURS if name not in MAYBE}

        def act() -> Answer:
            wish = providers.Wish(**{**stands, **_clean(body)})
            providers.change_provider(actor=actor_of(request), provider_id=row.pk, wish=wish)
            return Answer(200, provider_json(_found(request, provider), base=base))

        return once(request, act)

    @contract(
        operation_id="remove_identity_provider",
        summary="Remove an identity provider",
        tag="identity",
        answers={200: PROVIDER},
        problems=(403, 404),
        idempotent=True,
    )
    def delete(self, request: Request, provider: str) -> HttpResponse:
        """Forget it: sessions that began there end, and roles that its groups gave are taken back."""
        row = _found(request, provider)
        told = provider_json(row, base=base_of(request))

        def act() -> Answer:
            providers.remove_provider(actor=actor_of(request), provider_id=row.pk)
            return Answer(200, told)

        return once(request, act)


class ProviderTest(ApiView):
    """Whether people could sign in now."""

    @contract(
        operation_id="test_identity_provider",
        summary="Test an identity provider",
        tag="identity",
        answers={200: FINDING},
        problems=(403, 404),
    )
    def post(self, request: Request, provider: str) -> Response:
        """Ask the provider who it is and which keys it signs with; nothing is changed."""
        row = _found(request, provider)
        return Response(finding_json(probe_provider(actor=actor_of(request), provider_id=row.pk)))


MAYBE = frozenset({"client_secret", "group_roles", "domains"})  # None: as they are


def _found(request: Request, provider: str) -> IdentityProvider:
    actor = actor_of(request)
    if actor.sees_every_tenant:  # the platform's own are set on the machine, a tenant's by the tenant
        _require(actor, None)
    row: IdentityProvider = scope.found("provider", provider, scope.providers(actor))
    _require(actor, row.tenant_id)
    return row


def _clean(body: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: body[name] for name in OURS if name in body}
    if "domains" in given:
        given["domains"] = list(dict.fromkeys(domain.strip().lower() for domain in given["domains"]))
    return given


def _ask(issuer: str) -> None:
    """Raise Refused 422 unless the issuer answers as one does: its fault is a fault of the wish."""
    try:
        check_issuer(issuer)
        metadata_of(issuer)
    except Refused as refusal:
        raise Refused(refusal.code, refusal.detail, field="issuer") from refusal
