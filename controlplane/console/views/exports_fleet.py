"""For the FinOps team: a month as FOCUS, and what is left of it once the provider is paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from billing.exports.comparing import (
    Compared,
    Margin,
    Part,
    Reconciliation,
    Share,
    margin,
    reconcile,
    tenants_of_plan,
    tenants_of_row,
)
from billing.exports.management.commands.focus import month_of
from billing.exports.models import FocusExport, ProviderBill
from billing.exports.services import ask_export, is_set_up, require_finance, visible_exports
from billing.statements.models import Statement
from billing.usage.slots import month_before
from controlplane.console.charts import Bar, horizontal_bars
from controlplane.console.pages import page, show
from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.figures import rounded
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.jobs import JobState

NEWEST, BARS, MONTHS, RATE_PLACES = 20, 12, 13, 6
FORBIDDEN = 403
KINDS = {
    "1.4/csv": "FOCUS 1.4, CSV",
    "1.4/parquet": "FOCUS 1.4, Parquet",
    "1.2/csv": "FOCUS 1.2, CSV",
    "1.2/parquet": "FOCUS 1.2, Parquet",
}
BADGES = {
    JobState.WAITING: Badge("Waiting", "clock", "wait"),
    JobState.RUNNING: Badge("Being written", "arrow-path", "busy"),
    JobState.DONE: Badge("Handed over", "check-circle", "ok"),
    JobState.FAILED: Badge("Not handed over", "exclamation-triangle", "bad"),
}
GROUPS = {
    "compute": "Compute",
    "storage": "Storage",
    "network": "Network",
    "control_plane": "Control plane",
    "modules": "Modules",
    "other": "Other",
}


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Exports, newest first; one more is asked for here."""
    actor, problem = request.visitor.actor, ""
    require_finance(actor)
    if request.method == "POST":
        try:
            version, _, file_format = request.POST.get("kind", "").partition("/")
            month = month_of(request.POST.get("month", ""))
            row = ask_export(actor=actor, month=month, version=version, file_format=file_format)
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            problem = refusal.detail
        else:
            messages.success(request, f"A worker writes {row.month:%B %Y}; look again in a moment.")
            return redirect("console:fleet-exports")
    rows = list(visible_exports(actor).order_by("-pk")[:NEWEST])
    context = {
        "exports": [(row, BADGES[JobState(row.state)], told(row)) for row in rows],
        "months": [(f"{month:%Y-%m}", f"{month:%B %Y}") for month in months()],
        "kinds": list(KINDS.items()),
        "ready": is_set_up(),
        "place": settings.FOCUS_EXPORT_TO,
        "problem": problem,
        "moving": any(row.state in (JobState.WAITING, JobState.RUNNING) for row in rows),
    }
    return show(request, "fleet/exports.html", context, status=422 if problem else 200)


@require_safe
@page
def margins(request: ConsoleRequest) -> HttpResponse:
    """Provider, measured and billed side by side, and margins by tenant and plan."""
    actor = request.visitor.actor
    if not (actor.sees_every_tenant and actor.may(Permission.COST_EXPORT)):
        raise Refused("forbidden", "Only the platform's FinOps team may see this; ask it.", status=403)
    known = months()
    chosen = request.GET.get("month", "")
    month = next((one for one in known if f"{one:%Y-%m}" == chosen), known[1])
    by = "plan" if request.GET.get("by") == "plan" else "tenant"
    found, left = reconcile(actor=actor, month=month), margin(actor=actor, month=month, by=by)
    bills = list(ProviderBill.objects.filter(month=month).order_by("provider", "payer"))
    counted = Counter(bill.provider for bill in bills)
    ours = (bill for bill in bills if counted[bill.provider] == 1)
    opens = {bill.provider: bill for bill in ours}
    places = Counter((row.provider, row.meter_group) for row in found.rows if not row.unattributed)
    statements = dict(Statement.objects.filter(month=month).values_list("tenant__slug", "pk"))
    context = {
        "month": month,
        "months": [(f"{one:%Y-%m}", f"{one:%B %Y}") for one in known],
        "by": by,
        "found": found,
        "rows": [
            # A bill's page knows no landscapes: it opens from a row that is all the bill has of a group.
            (
                row,
                GROUPS.get(row.meter_group, row.meter_group),
                opens.get(row.provider) if places[row.provider, row.meter_group] == 1 else None,
                _as_billed(row, found, opens.get(row.provider)),
            )
            for row in found.rows
        ],
        "rates": _rates(found),
        "left": left,
        "who": [(row, statements.get(row.key) if by == "tenant" else None) for row in left.rows],
        "chart": chart(left, by) if left.rows else "",
        "bills": bills,
        **_opened(request, found, left, statements),
    }
    return show(request, "fleet/margin.html", context)


def _as_billed(row: Compared, found: Reconciliation, bill: ProviderBill | None) -> str:
    """Return a cost as its bill's page has it, where that is in another currency."""
    if bill is None or bill.currency == found.currency or not row.cost:
        return ""
    return f"{rounded(row.cost / found.worth[bill.currency], 2)} {bill.currency}"


def _rates(found: Reconciliation) -> list[tuple[str, str]]:
    """Return what one unit of every other currency counts as."""
    others = sorted((code, rate) for code, rate in found.worth.items() if code != found.currency)
    return [(code, f"{round(rate, RATE_PLACES).normalize():f}") for code, rate in others]


def _opened(
    request: ConsoleRequest, found: Reconciliation, left: Margin, statements: Mapping[str, UUID]
) -> dict[str, Any]:
    """Return the tenants behind a plan, or behind a row of the comparison, with their statements."""
    actor, asked, opened = request.visitor.actor, request.GET, dict[str, Any]()
    plans = (row for row in left.rows if row.part is not Part.UNATTRIBUTED)
    plan = next((row for row in plans if row.key == asked.get("plan")), None)
    if plan is not None and asked.get("by") == "plan":
        theirs = tenants_of_plan(actor=actor, month=left.month, plan=plan.key)
        opened |= {"plan": plan, "plans_tenants": [(one, statements.get(one.key)) for one in theirs]}
    wanted = tuple(asked.get(name, "") for name in ("provider", "landscape", "group"))
    ours = (row for row in found.rows if not row.unattributed)
    row = next((row for row in ours if (row.provider, row.landscape, row.meter_group) == wanted), None)
    if row is not None:
        behind = tenants_of_row(actor=actor, month=found.month, row=row)
        opened |= {"row": row, "row_title": GROUPS.get(row.meter_group, row.meter_group)}
        opened |= {"rows_tenants": [(one, statements.get(one.key)) for one in behind]}
    return opened


def chart(left: Margin, by: str) -> str:
    """Draw the margin of the largest, and of all others together."""
    rows = sorted((row for row in left.rows if row.key), key=lambda row: -max(row.billed, row.cost))
    rest = rows[BARS:]
    shown = [*rows[:BARS], *([_sum(rest)] if rest else []), *(row for row in left.rows if not row.key)]
    bars = [
        Bar(
            row.name,
            float(row.margin),
            note="a loss" if row.margin < 0 else "",
            tone="bad" if row.margin < 0 else "1",
        )
        for row in shown
    ]
    return horizontal_bars(
        title=f"Margin by {by}, {left.month:%B %Y}",
        about="What was billed without what the provider charged.",
        bars=bars,
        write=lambda amount: f"{rounded(amount, 2)} {left.currency}",
        measure="Margin",
    )


def _sum(rows: list[Share]) -> Share:
    billed = sum((row.billed for row in rows), Decimal(0))
    return Share("rest", f"{len(rows)} more", billed, sum((row.cost for row in rows), Decimal(0)))


def months() -> list[date]:
    """The month that goes on, and those before it."""
    found = [utcnow().date().replace(day=1)]
    while len(found) < MONTHS:
        found.append(month_before(found[-1]))
    return found


def told(row: FocusExport) -> str:
    """Say in words what came of an export."""
    if row.state == JobState.FAILED or row.fault:
        return row.fault
    if row.state == JobState.DONE and not row.place:
        return "The month is closed and nothing was added to it."
    if row.state == JobState.DONE:
        return row.place
    return (
        "It has not begun yet."
        if row.state == JobState.WAITING
        else "It is written, then checked row by row."
    )
