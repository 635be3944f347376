"""Request a runtime."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from billing.costs.expecting import expected_month
from controlplane.catalog.entitlements import quota_of
from controlplane.catalog.facts import list_plan_facts, load_plan_facts
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.schema import plan_schema
from controlplane.catalog.validation import check_parameters
from controlplane.console import queries
from controlplane.console.fields.problems import Problem
from controlplane.console.fields.read import clean, read_pairs, read_parameters
from controlplane.console.fields.rows import press
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.presenters.requesting import why_none
from controlplane.console.submissions import new_token, once
from controlplane.console.views.labels import labels_field
from controlplane.console.views.plan_form import PlanForm, Size, plan_form
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import State, Tenant
from provisioner.lifecycle.create import create_runtime

NAME_HELP = "Lower-case letters, digits and dashes, beginning with a letter. It can't be changed later."


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest) -> HttpResponse:
    """Choose a plan, fill in its parameters, send."""
    tenant = require(request.visitor, Permission.CREATE)
    if request.method == "GET" and (hindrance := why_none(tenant)):
        return show(request, "new/plans.html", {"why_none": hindrance})
    closed = {line.plan for line in quota_of(tenant) if line.is_closed}
    plans = [facts for facts in list_plan_facts() if facts.key not in closed]
    key = request.GET.get("plan", "")
    if not key and request.method == "GET":
        return show(request, "new/plans.html", {"plans": plans, "catalog_is_empty": not list_plan_facts()})
    facts = load_plan_facts(key)
    parameters = _parameters(facts, request.POST) if request.method == "POST" else {}
    button = request.POST.get("rows", "")
    if button:
        press(parameters, button)
    drawn = _draw(request, facts, parameters)
    problems: list[Problem] = []
    if request.method == "POST" and not button:
        try:
            return redirect(_send(request, tenant, facts, parameters))
        except Refused as refusal:
            if refusal.code == "forbidden":
                raise
            problems = [*drawn.place(refusal), *_also_wrong(facts, parameters, drawn, refusal)]
    context = {
        "plan": facts,
        "plans": plans,
        "form": drawn,
        "problems": problems,
        "token": request.POST.get("token") or new_token(),
        "size": _size(request, tenant, facts, parameters),
    }
    return show(request, "new/form.html", context, status=422 if problems else 200)


@require_POST
@page
def size(request: ConsoleRequest) -> HttpResponse:
    """What the runtime would take, as it is filled in so far."""
    tenant = require(request.visitor, Permission.CREATE)
    facts = load_plan_facts(request.GET.get("plan", ""))
    parameters = _parameters(facts, request.POST)
    found = _size(request, tenant, facts, parameters)
    return show(request, "new/_size.html", {"size": found})


def _parameters(facts: PlanFacts, post: QueryDict) -> dict[str, Any]:
    return read_parameters(plan_schema(facts), post)


def _draw(request: ConsoleRequest, facts: PlanFacts, parameters: dict[str, Any]) -> PlanForm:
    rows = list(queries.visible_accounts(request.visitor.actor))
    accounts = [row for row in rows if row.state == State.ACTIVE]
    resting = ", ".join(row.slug for row in rows if row.state != State.ACTIVE)
    about = "Its runtimes share nothing with other accounts."
    about += f" Not offered, because suspended: {resting}." if resting else ""
    chosen = clean(request.POST.get("account", "") or request.GET.get("account", ""))
    account = Field("select", "account", "Account", about, required=True)
    account.options = [Option(row.slug, f"{row.name} ({row.slug})", row.slug == chosen) for row in accounts]
    name = Field("text", "name", "Name", NAME_HELP, value=clean(request.POST.get("name", "")), required=True)
    labels = labels_field(clean(request.POST.get("labels", "")))
    labels.advanced = True
    return plan_form(facts, plan_schema(facts), parameters, identity=[name, account, labels])


def _size(request: ConsoleRequest, tenant: Tenant, facts: PlanFacts, parameters: dict[str, Any]) -> Size:
    given = parameters or {"region": facts.regions[0].name}
    try:
        wanted = check_parameters(facts, given)
    except Refused as refusal:
        return Size(None, _draw(request, facts, parameters).place(refusal)[0].text)
    found = Size.of(facts, wanted)
    if found.capacity is None or not request.visitor.may_see_costs:
        return found
    try:
        expected = expected_month(tenant_id=tenant.id, plan=facts, parameters=wanted, now=utcnow())
    except Refused:  # no prices are loaded yet: its size can be told all the same
        return found
    return replace(found, expected=expected)


def _also_wrong(
    facts: PlanFacts, parameters: dict[str, Any], drawn: PlanForm, refusal: Refused
) -> list[Problem]:
    """What is wrong with the parameters when the refusal was about the name: a person mends all of it at once."""
    if any(error.field.startswith("parameters") for error in refusal.errors):
        return []
    try:
        check_parameters(facts, parameters)
    except Refused as other:
        return drawn.place(other)
    return []


def _send(request: ConsoleRequest, tenant: Tenant, facts: PlanFacts, parameters: dict[str, Any]) -> str:
    def work() -> str:
        operation = create_runtime(
            actor=request.visitor.actor,
            tenant=tenant,
            account=clean(request.POST.get("account", "")),
            name=clean(request.POST.get("name", "")),
            plan=facts.key,
            parameters=parameters,
            labels=read_pairs(request.POST, "labels"),
        )
        messages.success(
            request, f"{operation.runtime.name} is requested. You can watch it being built here."
        )
        return reverse("console:runtime", args=[operation.runtime_id])

    return once(token=request.POST.get("token", ""), user=request.visitor.user, work=work)
