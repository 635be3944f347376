"""What the tenant's runtimes take up, and for whom; over all tenants for the platform's team."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from billing.footprint import reading
from billing.footprint.findings import findings
from billing.footprint.judging import Finding
from billing.footprint.reading import Footprint
from controlplane.console import queries
from controlplane.console.pages import page, show
from controlplane.console.presenters import footprint as shown
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor, Permission
from provisioner.runtimes.models import Runtime

STRETCHES = (7, 30, 90)
MOST_FINDINGS = 25


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """All together by day, then a bar for each runtime, then what should be looked at."""
    actor, days = _admitted(request), _days(request)
    stretch = reading.last_days(days, now=utcnow())
    whole = reading.whole(stretch, tenant_id=actor.tenant_id)
    measures = shown.measures(whole.currency if whole else "", priced=actor.may(Permission.COST_READ))
    measure = measures.get(request.GET.get("measure", ""), measures["cores"])
    rows = reading.of_runtimes(stretch, tenant_id=actor.tenant_id)
    page_rows, newer, older = _paged(request, rows)
    found = findings(tenant_id=actor.tenant_id, now=utcnow())
    known = names(actor, [*(row.runtime for row in page_rows), *(one.stretch.runtime for one in found)])
    context = {
        "stretch": stretch,
        "days": days,
        "stretches": STRETCHES,
        "measures": list(measures.values()),
        "measure": measure,
        "everything": actor.sees_every_tenant,
        "whole": _whole(whole, measures.values(), whole.days * shown.DAY_SECONDS) if whole else None,
        "chart": shown.days_chart(reading.by_day(stretch, tenant_id=actor.tenant_id), stretch, measure),
        "key": shown.key(),
        **_runtimes(page_rows, known, measure, list(measures.values())),
        "findings": [finding_shown(one, known) for one in found[:MOST_FINDINGS]],
        "more_findings": max(0, len(found) - MOST_FINDINGS),
        "newer": newer and f"before={newer}&days={days}&measure={measure.key}",
        "older": older and f"after={older}&days={days}&measure={measure.key}",
        "list_url": reverse("console:footprint"),
    }
    return show(request, "footprint/index.html", context)


@require_safe
@page
def of_runtime(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """One runtime's days: the rows that its figures come from."""
    actor, days = _admitted(request), _days(request)
    stretch = reading.last_days(days, now=utcnow())
    known = names(actor, [runtime_id])
    rows = reading.of_runtimes(stretch, tenant_id=actor.tenant_id).filter(runtime=runtime_id)
    row = rows.order_by("runtime").first()
    if row is None and runtime_id not in known:
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    whole = reading.read(row) if row else None
    measures = shown.measures(whole.currency if whole else "", priced=actor.may(Permission.COST_READ))
    measure = measures.get(request.GET.get("measure", ""), measures["cores"])
    by_day = reading.by_day(stretch, tenant_id=actor.tenant_id, runtime_id=runtime_id)
    context = {
        "runtime": known.get(runtime_id),
        "runtime_id": runtime_id,
        "stretch": stretch,
        "days": days,
        "stretches": STRETCHES,
        "measures": list(measures.values()),
        "measure": measure,
        "whole": _whole(whole, measures.values(), whole.observed_seconds) if whole else None,
        "chart": shown.days_chart(by_day, stretch, measure),
        "key": shown.key(),
        "carbon": shown.carbon_range(whole) if whole else "",
        "seen": [
            (day, found.known_percent, _hours(request, known.get(runtime_id), runtime_id, day))
            for day, found in sorted(by_day.items(), reverse=True)
        ],
        "numbers": shown.numbers(
            [(f"{day:%d %b}", found, found.observed_seconds) for day, found in by_day.items()],
            list(measures.values()),
            "Every day",
        ),
    }
    return show(request, "footprint/runtime.html", context)


def names(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Runtime]:
    """Return the runtimes that somebody can see, by id."""
    rows = queries.visible_runtimes(actor).filter(pk__in=set(ids)).select_related("account", "tenant")
    return {
        row.id: row
        for row in rows.only("id", "name", "phase", "account__name", "tenant__name", "tenant__slug")
    }


def finding_shown(found: Finding, known: dict[UUID, Runtime]) -> dict[str, Any]:
    """Return a finding as a page shows it."""
    return {
        "kind": found.kind.value,
        "tone": "bad" if found.kind in {"starved", "zombie"} else "wait",
        "action": found.action.value,
        "sentence": found.sentence,
        "runtime_id": found.stretch.runtime,
        "runtime": known.get(found.stretch.runtime),
        "limit": found.limit,
        "first": found.stretch.first,
        "last": found.stretch.last,
    }


def _admitted(request: ConsoleRequest) -> Actor:
    """Return who asks; raises Refused 403."""
    actor = request.visitor.actor
    if not actor.may(Permission.FOOTPRINT_READ):
        raise Refused(
            "forbidden", "Your role does not show footprints; ask an admin of your tenant.", status=403
        )
    return actor


def _days(request: ConsoleRequest) -> int:
    text = request.GET.get("days", "")
    return int(text) if text in {str(days) for days in STRETCHES} else 30


def _paged(request: ConsoleRequest, rows: QuerySet[Any]) -> tuple[list[Any], str, str]:
    """Return a page by keyset on the runtimes' ids, and the edges of its neighbours."""
    after, before = (parse_uuid(request.GET.get(edge, "")) for edge in ("after", "before"))
    size = queries.PAGE_SIZE
    if before:  # towards newer ones, so read upward and turn round
        found = list(rows.filter(runtime__gt=before).order_by("runtime")[: size + 1])
        more_newer, more_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        narrowed = rows.filter(runtime__lt=after) if after else rows
        found = list(narrowed.order_by("-runtime")[: size + 1])
        more_newer, more_older = bool(after), len(found) > size
        found = found[:size]
    if not found:
        return [], "", ""
    return found, str(found[0].runtime) if more_newer else "", str(found[-1].runtime) if more_older else ""


def _hours(request: ConsoleRequest, runtime: Runtime | None, runtime_id: UUID, day: date) -> str:
    """Return where a day's hours and samples are, "" for whoever sees no costs."""
    visitor = request.visitor
    if not visitor.may_see_costs or (visitor.tenant is None and runtime is None):
        return ""
    address = reverse("console:cost-one-day", args=[runtime_id, day.isoformat()])
    return address if visitor.tenant or runtime is None else f"{address}?tenant={runtime.tenant.slug}"


def _whole(found: Footprint, measures: Iterable[shown.Measure], seconds: int) -> dict[str, Any]:
    bars = [
        {
            "measure": one,
            "bar": shown.bar("All together", found, one, seconds),
            "sum": one.write(sum(shown.values(found, one, seconds))),
            "parts": [
                (label, one.write(value))
                for (label, _), value in zip(shown.PARTS, shown.values(found, one, seconds), strict=True)
            ],
        }
        for one in measures
    ]
    return {"found": found, "bars": bars, "carbon": shown.carbon_range(found)}


def _runtimes(
    rows: Iterable[Any], known: dict[UUID, Runtime], measure: shown.Measure, measures: list[shown.Measure]
) -> dict[str, Any]:
    found = [(row.runtime, known.get(row.runtime), reading.read(row)) for row in rows]
    named = [
        (runtime.name if runtime else str(key)[-8:], one, one.observed_seconds) for key, runtime, one in found
    ]
    runtimes = [
        {
            "id": key,
            "runtime": runtime,
            "name": name,
            "found": one,
            "bar": shown.bar(name, one, measure, seconds),
            "sum": measure.write(sum(shown.values(one, measure, seconds))),
        }
        for (key, runtime, _), (name, one, seconds) in zip(found, named, strict=True)
    ]
    return {"runtimes": runtimes, "numbers": shown.numbers(named, measures, "Runtimes")}
