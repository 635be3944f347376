"""Everybody's trials, for the platform's team: queue, places, regions, rules against abuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from controlplane.console.fields.problems import place
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.presenters.trials import badge_of
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Permission
from controlplane.trials import blocklist, managing
from controlplane.trials.models import LIVE_STAGES, Rule, SignUp, Trial
from controlplane.trials.offer import capacity, known_regions

SHOWN = 50
STAGES = (
    "waiting",
    "provisioning",
    "active",
    "expired",
    "suspended",
    "removing",
    "removed",
    "converted",
    "rejected",
)

KINDS = {"email": "E-mail address", "domain": "Domain", "network": "Network", "company": "Company"}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The queue, newest first, page by page; what fails stands on top."""
    _admit(request)
    return _show(request, [], _offer_fields(), _rule_fields({}))


@require_POST
@page
def offer(request: ConsoleRequest) -> HttpResponse:
    """Say how many places there are, and where."""
    _admit(request)
    fields = _offer_fields()
    wanted = request.POST.get("places", "").strip()
    try:
        if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 7:  # noqa: PLR2004 - of what is read as a number
            raise Refused("places_invalid", "places must be a whole number.", field="places")
        managing.change_offer(
            actor=request.visitor.actor,
            places=int(wanted),
            closed_regions=request.POST.getlist("closed_regions"),
            is_open="is_open" in request.POST,
        )
    except Refused as refusal:
        return _refuse(request, refusal, fields, _rule_fields({}))
    messages.success(request, "The offer is changed.")
    return redirect("console:fleet-trials")


@require_POST
@page
def add_rule(request: ConsoleRequest) -> HttpResponse:
    """Keep somebody out."""
    _admit(request)
    given = {name: request.POST.get(name, "").strip()[:254] for name in ("kind", "pattern", "why", "days")}
    fields = _rule_fields(given)
    try:
        blocklist.add_rule(
            actor=request.visitor.actor,
            kind=given["kind"],
            pattern=given["pattern"],
            why=given["why"],
            expires_at=_end(given["days"]),
        )
    except Refused as refusal:
        return _refuse(request, refusal, _offer_fields(), fields)
    messages.success(request, "The rule is in force.")
    return redirect("console:fleet-trials")


@require_POST
@page
def lift_rule(request: ConsoleRequest, rule_id: UUID) -> HttpResponse:
    """Let somebody in again."""
    _admit(request)
    blocklist.lift_rule(actor=request.visitor.actor, rule_id=rule_id)
    messages.success(request, "The rule is lifted.")
    return redirect("console:fleet-trials")


@require_POST
@page
def reject(request: ConsoleRequest, trial_id: UUID) -> HttpResponse:
    """Take a trial off the waiting list."""
    _admit(request)
    managing.reject_trial(actor=request.visitor.actor, trial_id=trial_id)
    messages.success(request, "The trial was taken off the list.")
    return redirect("console:fleet-trials")


@require_POST
@page
def retry(request: ConsoleRequest, trial_id: UUID) -> HttpResponse:
    """Do at once what failed before."""
    _admit(request)
    managing.retry_duty(actor=request.visitor.actor, trial_id=trial_id)
    messages.success(request, "It is tried again now.")
    return redirect("console:fleet-trials")


def _admit(request: ConsoleRequest) -> None:
    """Let those of the platform's team in who operate; each service asks for the right to change."""
    actor = request.visitor.actor
    if not (actor.sees_every_tenant and actor.may(Permission.OPERATE)):
        raise Refused("forbidden", "Only the platform's SREs and admins see everybody's trials.", status=403)


def _refuse(
    request: ConsoleRequest, refusal: Refused, offer_fields: list[Field], rule_fields: list[Field]
) -> HttpResponse:
    if refusal.status == 403:  # noqa: PLR2004
        raise refusal
    problems = place(refusal, [*offer_fields, *rule_fields])
    return _show(request, problems, offer_fields, rule_fields)


def _show(
    request: ConsoleRequest, problems: list[Any], offer_fields: list[Field], rule_fields: list[Field]
) -> HttpResponse:
    stage = request.GET.get("stage", "")
    after = parse_uuid(request.GET.get("after", ""))
    rows = Trial.objects.select_related("tenant", "runtime").order_by("-id")
    rows = rows.filter(stage=stage) if stage in STAGES else rows
    page_of = list(rows.filter(pk__lt=after)[: SHOWN + 1] if after else rows[: SHOWN + 1])
    counts = dict(Trial.objects.values_list("stage").annotate(Count("id")).order_by())
    offered = capacity()
    context = {
        "trials": [(row, badge_of(row.stage)) for row in page_of[:SHOWN]],
        "older": page_of[SHOWN - 1].id if len(page_of) > SHOWN else None,
        "stage": stage if stage in STAGES else "",
        "stages": [(name, badge_of(name).text, counts.get(name, 0)) for name in STAGES],
        "troubled": Trial.objects.filter(stage__in=LIVE_STAGES).exclude(problem="").order_by("-id")[:SHOWN],
        **_listed(request, "sign_ups", SignUp.objects.filter(trial__isnull=True)),
        **_listed(request, "rules", Rule.objects.all()),
        "offered": offered,
        "taken": sum(
            counts.get(name, 0) for name in ("provisioning", "active", "expired", "suspended", "removing")
        ),
        "offer_fields": offer_fields,
        "rule_fields": rule_fields,
        "problems": problems,
        "may_manage": request.visitor.actor.may(Permission.TRIAL_MANAGE),
    }
    return show(request, "fleet/trials.html", context, status=422 if problems else 200)


def _listed(request: ConsoleRequest, name: str, rows: QuerySet[Any]) -> dict[str, Any]:
    """One page of a list, newest first, behind the id that the address says, and the query of the next one."""
    after = parse_uuid(request.GET.get(f"{name}_after", ""))
    found = list((rows.filter(pk__lt=after) if after else rows).order_by("-pk")[: SHOWN + 1])
    query = request.GET.copy()
    query[f"{name}_after"] = str(found[SHOWN - 1].pk) if len(found) > SHOWN else ""
    older = query.urlencode() if len(found) > SHOWN else ""
    query.pop(f"{name}_after")
    return {
        name: found[:SHOWN],
        f"{name}_older": older,
        f"{name}_newest": query.urlencode() if after else None,
    }


def _offer_fields() -> list[Field]:
    offered = capacity()
    about = "Trials that may hold a runtime at once; the others wait."
    regions = [Option(name, title, name in offered.closed_regions) for name, title in known_regions()]
    return [
        Field("number", "places", "Places", about, str(offered.places), required=True, minimum=0),
        Field("checks", "closed_regions", "Closed regions", options=regions),
        Field("switch", "is_open", "Takes new sign-ups", value=offered.is_open),
    ]


def _rule_fields(given: dict[str, str]) -> list[Field]:
    kinds = [Option(kind, KINDS[kind], given.get("kind") == kind) for kind in Rule.Kind.values]
    return [
        Field("select", "kind", "What", options=kinds, required=True),
        Field("text", "pattern", "Pattern", "eve@example.org, example.org, 203.0.113.0/24 or *mining*.",
              given.get("pattern", ""), required=True),
        Field("text", "why", "Why", "Others will ask.", given.get("why", ""), required=True),
        Field("number", "days", "Ends after days", "Empty: it stays until somebody lifts it.", given.get("days", ""),
              minimum=1),
    ]  # fmt: skip


def _end(days: str) -> Any:
    if not days:
        return None
    if not days.isascii() or not days.isdigit() or not 0 < int(days[:5]) < 3660:  # noqa: PLR2004 - ten years
        raise Refused("rule_invalid", "days must be a number from 1 to 3659, or empty.", field="days")
    return utcnow() + timedelta(days=int(days[:5]))
