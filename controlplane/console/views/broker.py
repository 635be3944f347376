"""With what other platforms sign in to the service broker; a secret is shown on the answer to its form, once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.osb.credentials import issue_credential, revoke_credential, rotate_credential
from controlplane.osb.models import BrokerCredential
from controlplane.tenants.access import Permission
from controlplane.tenants.addresses import base_of
from controlplane.tenants.models import Tenant

OVERLAPS = {"168": "7 days", "24": "24 hours", "1": "1 hour", "0": "Ends at once"}
DEFAULT_OVERLAP = "24"


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every credential that is not revoked; one more is made here."""
    tenant = require(request.visitor, Permission.BROKER_MANAGE)
    name = clean(request.POST.get("name", "")).strip()
    about = "Which platform it is for, for example Cloud Foundry production."
    fields = [Field("text", "name", "Name", about, value=name, required=True)]
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            row, secret = issue_credential(actor=request.visitor.actor, tenant=tenant, name=name)
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            return _secret(request, row, secret, rotated=False)
    now = utcnow()
    rows = BrokerCredential.objects.filter(tenant=tenant, revoked_at=None).order_by("-pk")
    context = {
        "credentials": [(row, bool(row.previous_until and row.previous_until > now)) for row in rows],
        "fields": fields,
        "problems": problems,
        "address": _address(request),
    }
    return show(request, "broker/index.html", context, status=422 if problems else 200)


@require_http_methods(["GET", "POST"])
@page
def rotate(request: ConsoleRequest, credential_id: UUID) -> HttpResponse:
    """Say what rotating does, then show the new secret."""
    tenant, row = _credential(request, credential_id)
    overlaps = row.previous_until is not None and row.previous_until > utcnow()
    chosen = request.POST.get("overlap_hours", "0" if overlaps else DEFAULT_OVERLAP)
    options = [
        Option(key, title, key == chosen) for key, title in OVERLAPS.items() if key == "0" or not overlaps
    ]
    about = "So long both work; then only the new one."
    field = Field("select", "overlap_hours", "The present secret lives on for", about, options=options)
    problems: list[Problem] = []
    if request.method == "POST" and chosen not in OVERLAPS:
        problems = place(Refused("choice_unknown", "Choose one of the list.", field="overlap_hours"), [field])
    elif request.method == "POST":
        try:
            row, secret = rotate_credential(
                actor=request.visitor.actor,
                tenant=tenant,
                credential_id=credential_id,
                overlap=timedelta(hours=int(chosen)),
            )
        except Refused as refusal:
            problems = place(refusal, [field])
        else:
            return _secret(request, row, secret, rotated=True)
    context = {"credential": row, "overlaps": overlaps, "field": field, "problems": problems}
    return show(request, "broker/rotate.html", context, status=422 if problems else 200)


@require_POST
@page
def revoke(request: ConsoleRequest, credential_id: UUID) -> HttpResponse:
    """End a credential at once."""
    tenant, _ = _credential(request, credential_id)
    row = revoke_credential(actor=request.visitor.actor, tenant=tenant, credential_id=credential_id)
    messages.success(request, f"{row.name} is revoked: its platform can't order here any more.")
    return redirect("console:broker")


def _credential(request: ConsoleRequest, credential_id: UUID) -> tuple[Tenant, BrokerCredential]:
    """Return the visitor's tenant and its credential; raises Refused 404, then 403."""
    rows = BrokerCredential.objects.filter(pk=credential_id, revoked_at=None).select_related("tenant")
    if not request.visitor.actor.sees_every_tenant:
        rows = rows.filter(tenant=request.visitor.actor.tenant_id)
    row = rows.first()
    if row is None:
        raise Refused("credential_not_found", "There is no such credential in your tenant.", status=404)
    return require(request.visitor, Permission.BROKER_MANAGE, row.tenant), row


def _secret(request: ConsoleRequest, row: BrokerCredential, secret: str, *, rotated: bool) -> HttpResponse:
    context = {"credential": row, "secret": secret, "rotated": rotated, "address": _address(request)}
    return show(request, "broker/secret.html", context)


def _address(request: ConsoleRequest) -> str:
    """What a platform is given; it adds `/v2/…` by itself."""
    return f"{base_of(request)}/osb"
