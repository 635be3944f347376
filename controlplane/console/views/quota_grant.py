"""Grant a tenant quota without being asked, or lower it; for platform admins."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.catalog.entitlements import Line, quota_of
from controlplane.catalog.facts import snapshot
from controlplane.catalog.quota import DIMENSIONS
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.presenters.quota import TITLES, lines_shown
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Tenant
from provisioner.lifecycle.quota_grants import grant_quota

NO_BOUND, EVERYWHERE = "none", "all"


@require_http_methods(["GET", "POST"])
@page
def grant(request: ConsoleRequest, tenant_id: UUID) -> HttpResponse:
    """What the tenant has, and a form that changes what it may have."""
    actor = request.visitor.actor
    if not (actor.sees_every_tenant or actor.tenant_id == tenant_id):
        raise _missing(tenant_id)
    if not actor.may(Permission.QUOTA_ANSWER):
        raise Refused("forbidden", "Only platform admins grant quota; ask one.", status=403)
    with platform_scope():
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise _missing(tenant_id)
        lines = quota_of(tenant)
        fields = _fields(request, lines)
        problems: list[Problem] = []
        if request.method == "POST":
            try:
                _grant(request, tenant)
            except Refused as refusal:
                problems = place(refusal, fields)
            else:
                messages.success(request, f"The quota of {tenant.name} is changed.")
                return redirect(reverse("console:grant-quota", args=[tenant_id]))
        context = {
            "tenant": tenant,
            "lines": lines_shown(lines),
            "fields": fields,
            "problems": problems,
            "closed": [_name(line.plan) for line in lines if line.plan and line.is_closed],
        }
        return show(request, "quota/grant.html", context, status=422 if problems else 200)


def _fields(request: ConsoleRequest, lines: list[Line]) -> list[Field]:
    post = request.POST

    def typed(name: str) -> str:
        return clean(post.get(name, ""))

    plans = [("", "All plans together"), *((line.plan, _name(line.plan)) for line in lines if line.plan)]
    options = [Option(key, title, chosen=key == typed("plan")) for key, title in plans]
    hint = f"Empty: stays as it is. {NO_BOUND}: no bound."
    where = f"Names with commas between. Empty: stay as they are. {EVERYWHERE}: every region."
    return [
        Field("select", "plan", "Of", options=options),
        *(Field("text", name, TITLES[name], hint, value=typed(name)) for name in DIMENSIONS),
        Field("text", "regions", "Regions", where, value=typed("regions")),
        Field("text", "reason", "Why", "The audit trail keeps it.", value=typed("reason"), required=True),
    ]


def _grant(request: ConsoleRequest, tenant: Tenant) -> None:
    given = {name: clean(request.POST.get(name, "")).strip() for name in (*DIMENSIONS, "regions")}
    where = given.pop("regions")
    regions = [name.strip() for name in where.split(",") if name.strip()]
    grant_quota(
        actor=request.visitor.actor,
        tenant=tenant,
        plan=clean(request.POST.get("plan", "")),
        bounds={name: _number(name, text) for name, text in given.items() if text},
        regions=None if not where else [] if where.lower() == EVERYWHERE else regions,
        reason=clean(request.POST.get("reason", "")),
    )


def _missing(tenant_id: UUID) -> Refused:
    return Refused("tenant_not_found", f"There is no tenant {tenant_id}.", status=404)


def _number(name: str, text: str) -> Decimal | int | None:
    if text.lower() == NO_BOUND:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        detail = f"{name} must be a whole number from 0 on, or {NO_BOUND} for no bound."
        raise Refused("not_a_number", detail, field=name)
    return int(value)


def _name(plan: str) -> str:
    facts = snapshot().plans.get(plan)
    return facts.name if facts else plan
