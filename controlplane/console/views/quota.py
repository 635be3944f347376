"""Quota: what a tenant uses and was granted, and how it asks for more."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.catalog.entitlements import Line, quota_of
from controlplane.catalog.facts import snapshot
from controlplane.catalog.models import QuotaRequest
from controlplane.catalog.quota import DIMENSIONS, Bounds
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.presenters.quota import TITLES, lines_shown, request_shown
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Tenant
from provisioner.lifecycle.quota_requests import request_quota, withdraw_request

NEWEST = 10


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Bars of what is used, the tenant's requests, and a form for more."""
    visitor = request.visitor
    tenant = visitor.tenant or Tenant.objects.filter(slug=clean(request.GET.get("tenant", ""))).first()
    if request.method == "POST":
        require(visitor, Permission.QUOTA_REQUEST)
    if tenant is None:
        return show(request, "quota/choose.html", {})
    lines = quota_of(tenant)
    fields = _fields(request, lines)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            _request(request, tenant)
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            messages.success(request, "Your request waits for the platform's answer.")
            return redirect("console:quota")
    rows = QuotaRequest.objects.filter(tenant=tenant).order_by("-id")[:NEWEST]
    context = {
        "tenant": tenant,
        "lines": lines_shown(lines),
        "requests": [request_shown(row) for row in rows],
        "fields": fields,
        "problems": problems,
        "may_request": visitor.tenant is not None and visitor.may(Permission.QUOTA_REQUEST, tenant),
    }
    return show(request, "quota/index.html", context, status=422 if problems else 200)


@require_POST
@page
def withdraw(request: ConsoleRequest, request_id: UUID) -> HttpResponse:
    """Take a request back."""
    withdraw_request(actor=request.visitor.actor, request_id=request_id)
    messages.success(request, "The request is taken back.")
    return redirect("console:quota")


def _fields(request: ConsoleRequest, lines: list[Line]) -> list[Field]:
    """The form: only what is bounded somewhere can be raised."""
    post = request.POST
    chosen = clean(post.get("plan", ""))
    bounded = [name for name in DIMENSIONS if any(_bound(line.bounds, name) is not None for line in lines)]
    plans = [("", "All plans together"), *((line.plan, _name(line.plan)) for line in lines if line.plan)]
    options = [Option(key, title, chosen=key == chosen) for key, title in plans]
    numbers = [
        Field(
            "number",
            name,
            TITLES[name],
            "As many as you need in all.",
            value=clean(post.get(name, "")),
            minimum=1,
        )
        for name in bounded
    ]
    reason = clean(post.get("reason", ""))
    return [
        Field("select", "plan", "Of", options=options),
        *numbers,
        Field("text", "reason", "What for", "The platform's team reads it.", value=reason, required=True),
    ]


def _bound(bounds: Bounds, name: str) -> Any:
    return getattr(bounds, name)


def _name(plan: str) -> str:
    facts = snapshot().plans.get(plan)
    return facts.name if facts else plan


def _request(request: ConsoleRequest, tenant: Tenant) -> None:
    wanted = {name: _number(name, clean(request.POST.get(name, "")).strip()) for name in DIMENSIONS}
    request_quota(
        actor=request.visitor.actor,
        tenant=tenant,
        plan=clean(request.POST.get("plan", "")),
        wanted=wanted,
        regions=(),
        reason=clean(request.POST.get("reason", "")),
    )


def _number(name: str, text: str) -> Decimal | int | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value < 1 or value != value.to_integral_value():
        raise Refused("not_a_number", f"{name} must be a whole number from 1 on.", field=name)
    return int(value)
