"""The platform's components ranked by what they cost the fleet, for SRE and FinOps; and how carbon is estimated."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from billing.collecting.coverage import Coverage, fleet_coverage
from billing.footprint import reading
from billing.footprint.bearing import bearers
from billing.footprint.carbon_factors import Range, every_version, factors_of
from billing.footprint.findings import findings
from billing.footprint.methodology import listed
from billing.footprint.ranking import MOST, STEP, Amount, Component, Ranking, Unit, components_by_day, rank
from billing.footprint.reading import Footprint
from billing.usage.slots import day_of
from controlplane.console.charts import Drawing, Series, stacked_areas
from controlplane.console.pages import page, show
from controlplane.console.presenters import footprint as shown
from controlplane.console.views.footprint import MOST_FINDINGS, finding_shown, names
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Permission
from controlplane.tenants.isolation.scopes import platform_scope

CHART_DAYS, NAMED = 35, 6
TENANTS = "Tenants'"
UNITS = {Unit.MILLICORES: "thousandths of a core", Unit.MIB: "MiB of memory"}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """What all tenants' nodes are for, the components, and runtimes that someone should look at."""
    if not request.visitor.actor.may(Permission.FLEET_FOOTPRINT):
        detail = "Only SRE, FinOps and platform admins see the fleet's footprint; ask one."
        raise Refused("forbidden", detail, status=403)
    unit, amount, problem = _change(request)
    now = utcnow()
    stretch = reading.last_days(30, now=now)
    with platform_scope():
        ranking = rank(now=now, unit=unit, amount=amount)
        whole = reading.whole(stretch, tenant_id=None)
        found = findings(tenant_id=None, now=now)
        known = names(SYSTEM, [one.stretch.runtime for one in found[:MOST_FINDINGS]])
        measures = shown.measures(whole.currency if whole else "", priced=True)
        context = {
            "ranking": ranking,
            "components": [_component(one, ranking.currency) for one in ranking.components],
            "unit": unit,
            "units": UNITS,
            "amount": amount,
            "problem": problem,
            **(_whole(whole, list(measures.values())) if whole else {}),
            "chart": _chart(),
            "findings": [finding_shown(one, known) for one in found[:MOST_FINDINGS]],
            "more_findings": max(0, len(found) - MOST_FINDINGS),
            "everything": True,
            "coverage": _coverage(now),
            **_opened(request, ranking, now),
        }
        return show(request, "footprint/fleet.html", context)


@require_safe
@page
def methodology(request: ConsoleRequest) -> HttpResponse:
    """How a day is split and how carbon is estimated: every figure with its range and source."""
    factors = factors_of(day_of(utcnow()))
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in listed(factors):
        entry = {
            "title": one.title,
            "unit": one.unit,
            "range": _range(one.figure.range),
            "figure": one.figure,
        }
        groups[one.group].append({**entry, "source": factors.sources[one.figure.source]})
    context = {"factors": factors, "groups": dict(groups), "versions": every_version()}
    return show(request, "footprint/methodology.html", context)


def _whole(whole: Footprint, measures: list[shown.Measure]) -> dict[str, Any]:
    """Return all runtimes as bars, with the table of their numbers."""
    seconds = whole.days * shown.DAY_SECONDS
    return {
        "whole": whole,
        "bars": [(one, shown.bar("The fleet", whole, one, seconds, TENANTS)) for one in measures],
        "numbers": shown.numbers([("The fleet", whole, seconds)], measures, "All runtimes", TENANTS),
        "carbon": shown.carbon_range(whole),
        "key": shown.key(TENANTS),
    }


def _opened(request: ConsoleRequest, ranking: Ranking, now: datetime) -> dict[str, Any]:
    """Return the component that was opened, "" for none, with the runtimes that it is in."""
    asked = request.GET.get("component", "")
    name = asked if asked in {one.name for one in ranking.components} else ""
    found, count = bearers(component=name, now=now) if name else ([], 0)
    known = names(SYSTEM, [one.runtime for one in found])
    shown_rows = [(one, known.get(one.runtime)) for one in found]
    return {"opened": name, "bearers": shown_rows, "bearers_in_all": count}


def _change(request: ConsoleRequest) -> tuple[Unit, int, str]:
    """Return the change asked about; what can't be is told, and a unit is shown instead."""
    text, given = request.GET.get("unit", ""), request.GET.get("amount", "").strip()
    unit = Unit(text) if text in list(Unit) else Unit.MILLICORES
    if not given:
        return unit, STEP[unit], ""
    if given.isascii() and given.isdigit() and len(given) <= len(str(MOST)) and 1 <= int(given) <= MOST:
        return unit, int(given), ""
    return unit, STEP[unit], f"The amount must be a whole number from 1 to {MOST:,}; shown is {STEP[unit]}."


def _component(one: Component, currency: str) -> dict[str, Any]:
    return {
        "one": one,
        "requested": _amount(one.requested, currency),
        "used": _amount(one.used, currency) if one.used else None,
        "share": _share(one),
        "saving": _amount(one.saving, currency),
        "each_cores": shown.plain(float(one.per_runtime_millicores)),
        "each_mib": shown.plain(float(one.per_runtime_mib)),
    }


def _coverage(now: datetime) -> list[tuple[str, dict[str, str], Coverage]]:
    """Return the last hour and day with the shares in words; nothing of one in which nobody lived."""
    return [
        (window, {name: f"{share:.1%}".replace("%", " %") for name, share in one.shares.items()}, one)
        for window, one in fleet_coverage(now=now).items()
        if one.alive
    ]


def _amount(amount: Amount, currency: str) -> dict[str, str]:
    priced = amount.monthly is not None
    return {
        "cores": shown.plain(float(amount.cores)),
        "gib": shown.plain(float(amount.gib)),
        "monthly": shown.money(float(amount.monthly or 0), currency) if priced else "",
    }


def _share(one: Component) -> str:
    """Return how much of what is asked for is used: of processors, and of memory."""
    if one.used is None:
        return "use unknown"
    pairs = ((one.used.cores, one.requested.cores), (one.used.gib, one.requested.gib))
    told = [f"{round(used * 100 / asked)} %" if asked else "nothing asked for" for used, asked in pairs]
    return f"{told[0]} of cores, {told[1]} of memory"


def _chart() -> Drawing | None:
    rows = components_by_day(now=utcnow(), days=CHART_DAYS)
    if not rows:
        return None
    by_name: dict[str, dict[Any, Fraction]] = defaultdict(dict)
    for day, name, cores, _ in rows:
        by_name[name][day] = cores
    first, last = rows[0][0], rows[-1][0]
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    seen = {row[0] for row in rows}
    ranked = sorted(by_name, key=lambda name: (-sum(by_name[name].values()), name))
    layers = [(name, [name]) for name in ranked[:NAMED]]
    layers += [("all others", ranked[NAMED:])] if len(ranked) > NAMED else []
    series = [
        Series(
            label,
            [
                float(sum(by_name[name].get(day, Fraction(0)) for name in held)) if day in seen else None
                for day in days
            ],
            str(place) if label != "all others" else "idle",
        )
        for place, (label, held) in enumerate(layers, start=1)
    ]
    return stacked_areas(
        title="Cores that components ask for, by day",
        about="Over all runtimes, the largest by name.",
        days=[f"{day.day} {day:%b}" for day in days],
        series=series,
        write=lambda value: f"{shown.plain(value)} cores",
    )


def _range(span: Range) -> str:
    low, mid, high = (f"{float(one):.4g}" for one in span)
    return mid if low == high else f"{mid} ({low} to {high})"
