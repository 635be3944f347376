"""A trial as its own people see it: how long it lasts, extend it, keep its runtime."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from controlplane.console.fields.problems import place
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.presenters.trials import HEADINGS, badge_of, in_days
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import State
from controlplane.trials.changing import CONVERTIBLE, convert_trial, extend_trial, paid_plans
from controlplane.trials.models import Trial
from controlplane.trials.status import status_of_trial
from controlplane.trials.terms import terms


@require_safe
@page
def mine(request: ConsoleRequest) -> HttpResponse:
    """The countdown, and what can be done."""
    return _show(request, _newest(request))


@require_POST
@page
def extend(request: ConsoleRequest) -> HttpResponse:
    """Take the one extension."""
    trial = _newest(request)
    require(request.visitor, Permission.TRIAL_CHANGE, trial.tenant)
    try:
        extend_trial(actor=request.visitor.actor, trial_id=trial.id)
    except Refused as refusal:
        return _show(request, trial, refusal=refusal)
    messages.success(request, "The trial is extended.")
    return redirect("console:trial-mine")


@require_POST
@page
def convert(request: ConsoleRequest) -> HttpResponse:
    """Keep the runtime with a paid plan."""
    trial = _newest(request)
    require(request.visitor, Permission.TRIAL_CHANGE, trial.tenant)
    plan = request.POST.get("plan", "")[:64]
    try:
        convert_trial(actor=request.visitor.actor, trial_id=trial.id, plan=plan)
    except Refused as refusal:
        return _show(request, trial, refusal=refusal, plan=plan)
    messages.success(request, "The runtime is yours to keep.")
    return redirect("console:runtime", runtime_id=trial.runtime_id)


def _newest(request: ConsoleRequest) -> Trial:
    tenant = request.visitor.tenant
    if tenant is None:
        raise Refused(
            "forbidden", "You are of the platform: everybody's trials stand at /fleet/trials.", status=403
        )
    rows = Trial.objects.filter(tenant=tenant).select_related("tenant", "runtime")
    trial: Trial | None = rows.order_by("-id").first()
    if trial is None:
        raise Refused("trial_not_found", "This tenant has no trial.", status=404)
    return trial


def _show(
    request: ConsoleRequest, trial: Trial, *, refusal: Refused | None = None, plan: str = ""
) -> HttpResponse:
    found = status_of_trial(trial)
    rests = trial.tenant.state != State.ACTIVE  # then both would be refused
    may = request.visitor.may(Permission.TRIAL_CHANGE, trial.tenant) and not rests
    plans = [Option(one.key, one.name, chosen=one.key == plan) for one in paid_plans(trial)]
    field = Field("select", "plan", "Plan", "", options=plans, required=True)
    context: dict[str, Any] = {
        "trial": trial,
        "found": found,
        "left": in_days(found.expires_at - utcnow()) if found.expires_at else "",
        "heading": HEADINGS[found.status],
        "shown": badge_of(found.status),
        "problems": place(refusal, [field]) if refusal else [],
        "may_extend": may and found.may_extend and terms().extension,
        "may_convert": may and trial.stage in CONVERTIBLE and plans,
        "extension_days": terms().extension.days,
        "grace_days": terms().grace.days,
        "plan_field": field,
    }
    return show(request, "trial/mine.html", context, status=refusal.status if refusal else 200)
