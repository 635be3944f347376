"""Every tenant, for the platform's team; its admins make new ones, each with an owner who is invited."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.queries import newest_first
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Permission, PlatformRole
from controlplane.tenants.addresses import base_of
from controlplane.tenants.invitations import AddressOf
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Tenant
from controlplane.tenants.tenant import begin_tenant, invite_owner, owners_of

RAISED = frozenset({403, 429})  # no field of the form can mend these


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The tenants, newest first; a platform admin makes one here."""
    _admit(request)
    fields, problems = _fields(request), list[Problem]()
    if request.method == "POST":
        try:
            _begin(request, fields)
        except Refused as refusal:
            if refusal.status in RAISED:
                raise
            problems = place(refusal, fields)
        else:
            name, _, email = (field.value for field in fields)
            messages.success(
                request, f"{name} is there; the invitation of its owner is on its way to {email}."
            )
            return redirect("console:fleet-tenants")
    after, before = (parse_uuid(request.GET.get(edge, "")) for edge in ("after", "before"))
    with platform_scope():
        found = newest_first(Tenant.objects.all(), after=after, before=before)
        owners = owners_of([row.pk for row in found.rows])
        context = {
            "tenants": [(row, owners.get(row.pk, 0)) for row in found.rows],
            "newer": found.newer and f"before={found.newer}",
            "older": found.older and f"after={found.older}",
            "list_url": reverse("console:fleet-tenants"),
            "fields": fields,
            "problems": problems,
            "may_begin": request.visitor.actor.may(Permission.TENANT_CREATE),
        }
        return show(request, "fleet/tenants.html", context, status=422 if problems else 200)


@require_http_methods(["GET", "POST"])
@page
def owner(request: ConsoleRequest, tenant_id: UUID) -> HttpResponse:
    """Invite an owner of a tenant that nobody owns."""
    if not request.visitor.actor.may(Permission.TENANT_CREATE):
        raise Refused("forbidden", "Only platform admins invite a tenant's first owner; ask one.", status=403)
    with platform_scope():
        tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise Refused("tenant_not_found", f"There is no tenant {tenant_id}.", status=404)
    field = _email(clean(request.POST.get("email", "")).strip(), "email")
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            row = invite_owner(
                actor=request.visitor.actor,
                tenant_id=tenant_id,
                email=str(field.value),
                address_of=_address_of(request),
            )
        except Refused as refusal:
            if refusal.status in RAISED:
                raise
            problems = place(refusal, [field])
        else:
            messages.success(request, f"An invitation is on its way to {row.email}; former ones are dead.")
            return redirect("console:fleet-tenants")
    context = {"tenant": tenant, "field": field, "problems": problems}
    return show(request, "fleet/owner.html", context, status=422 if problems else 200)


def _admit(request: ConsoleRequest) -> None:
    """Raise Refused 403 unless this person sees every tenant, or makes new ones wherever they work at the moment."""
    actor = request.visitor.actor
    if actor.sees_every_tenant or actor.may(Permission.TENANT_CREATE):
        return
    detail = "Only the platform's team sees every tenant; ask it."
    if actor.platform_role == PlatformRole.SUPPORT:
        detail = (
            "Support sees one tenant at a time, and no list of them. Close this one to open another; "
            "for the list ask one of the platform's SREs or admins."
        )
    raise Refused("forbidden", detail, status=403)


def _begin(request: ConsoleRequest, fields: list[Field]) -> None:
    name, slug, email = (str(field.value) for field in fields)
    begin_tenant(
        actor=request.visitor.actor, slug=slug, name=name, owner_email=email, address_of=_address_of(request)
    )


def _fields(request: ConsoleRequest) -> list[Field]:
    name, slug, email = (clean(request.POST.get(key, "")).strip() for key in ("name", "slug", "owner_email"))
    return [
        Field("text", "name", "Name", "As people know it.", value=name, required=True),
        Field(
            "text",
            "slug",
            "Slug",
            "As the API and addresses name it, for good: lower-case letters, digits, dashes.",
            value=slug,
            required=True,
        ),
        _email(email, "owner_email"),
    ]


def _email(value: str, name: str) -> Field:
    about = "An invitation goes there; whoever accepts it owns the tenant."
    return Field("text", name, "E-mail address of its owner", about, value=value, required=True)


def _address_of(request: ConsoleRequest) -> AddressOf:
    base = base_of(request)
    return lambda secret: base + reverse("console:join", args=[secret])
