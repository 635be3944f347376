"""A tenant's identity providers: registered, changed, removed by its admins."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from controlplane.console.fields.problems import place
from controlplane.console.pages import page, show
from controlplane.console.presenters.identity import fields_of
from controlplane.console.views.provider_sign_in import redirect_uri
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.identity import providers
from controlplane.identity.models import IdentityProvider
from controlplane.identity.oidc.discovery import metadata_of
from controlplane.identity.wishes import check_issuer
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.addresses import base_of

FORBIDDEN = 403


@require_GET
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every provider of the tenant."""
    tenant = require(request.visitor, Permission.IDENTITY_MANAGE)
    rows = providers.providers_of(tenant.id)
    return show(request, "identity/index.html", {"providers": rows})


@sensitive_post_parameters("client_secret")
@require_http_methods(["GET", "POST"])
@page
def new(request: ConsoleRequest) -> HttpResponse:
    """Register a provider; it is asked who it is before anything is kept."""
    tenant = require(request.visitor, Permission.IDENTITY_MANAGE)
    fields = fields_of(None, request.POST if request.method == "POST" else None)
    problems, status = [], 200
    if request.method == "POST":
        issuer = _clean(request.POST, "issuer")
        try:
            check_issuer(issuer)
            metadata_of(issuer)
            provider = providers.add_provider(
                actor=request.visitor.actor, tenant=tenant, issuer=issuer, wish=_wish(request.POST)
            )
        except Refused as refusal:
            _pass_on(refusal)
            problems, status = place(refusal, fields), 422
        else:
            messages.success(request, f"{provider.name} is registered. Tell it the redirect address below.")
            return redirect("console:identity-provider", provider_id=provider.id)
    return show(request, "identity/form.html", {"fields": fields, "problems": problems}, status=status)


@sensitive_post_parameters("client_secret")
@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, provider_id: UUID) -> HttpResponse:
    """What the provider must be told, and what can be changed."""
    provider = _the_provider(request, provider_id)
    fields = fields_of(provider, request.POST if request.method == "POST" else None)
    problems, status = [], 200
    if request.method == "POST":
        try:
            providers.change_provider(
                actor=request.visitor.actor, provider_id=provider_id, wish=_wish(request.POST)
            )
        except Refused as refusal:
            _pass_on(refusal)
            problems, status = place(refusal, fields), 422
        else:
            messages.success(request, "Saved.")
            return redirect("console:identity-provider", provider_id=provider_id)
    context = {"fields": fields, "problems": problems, **_told(request, provider)}
    return show(request, "identity/form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@page
def remove(request: ConsoleRequest, provider_id: UUID) -> HttpResponse:
    """Say what removing it means, and remove it."""
    provider = _the_provider(request, provider_id)
    if request.method == "POST":
        providers.remove_provider(actor=request.visitor.actor, provider_id=provider_id)
        messages.success(request, f"{provider.name} is removed, and the sessions that began there are over.")
        return redirect("console:identity")
    people = providers.people_of(provider)
    return show(request, "identity/remove.html", {"provider": provider, "people": people})


def _the_provider(request: ConsoleRequest, provider_id: UUID) -> IdentityProvider:
    """Return one of the tenant's; another tenant's is not there, whatever the role."""
    if request.visitor.tenant is None:
        require(request.visitor, Permission.IDENTITY_MANAGE)
    provider = providers.find_provider(request.visitor.actor, provider_id)
    require(request.visitor, Permission.IDENTITY_MANAGE)
    return provider


def _told(request: ConsoleRequest, provider: IdentityProvider) -> dict[str, object]:
    """What an admin copies into the provider's own settings, and how the domains stand."""
    base = base_of(request)
    return {
        "provider": provider,
        "redirect_uri": redirect_uri(request, provider.id),
        "sign_out_uri": base + reverse("console:sign-in"),
        "back_channel_uri": base + reverse("console:sign-in-ended", args=[provider.id]),
        "start_uri": base + reverse("console:sign-in-with", args=[provider.id]),
        "domains": list(provider.domains.order_by("domain")),
    }


def _wish(post: QueryDict) -> providers.Wish:
    pairs = [line.rpartition("=") for line in _clean(post, "group_roles").splitlines() if line.strip()]
    domains = [line.strip().lower() for line in _clean(post, "domains").splitlines() if line.strip()]
    return providers.Wish(
        name=_clean(post, "name"),
        client_id=_clean(post, "client_id"),
        client_secret=_clean(post, "client_secret") or None,
        scopes=" ".join(_clean(post, "scopes").split()),
        groups_claim=_clean(post, "groups_claim"),
        contact=_clean(post, "contact"),
        enabled="enabled" in post,
        group_roles={group.strip(): role.strip().lower() for group, _, role in pairs},
        domains=list(dict.fromkeys(domains)),
    )


def _clean(post: QueryDict, name: str) -> str:
    return post.get(name, "").replace("\0", "").replace("\r\n", "\n").strip()


def _pass_on(refusal: Refused) -> None:
    """A refusal that no field can mend is a page of its own."""
    if refusal.status == FORBIDDEN and refusal.code == "forbidden":
        raise refusal
