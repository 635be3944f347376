"""Footprints and findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from billing.footprint.judging import Action, Finding, Kind
from billing.footprint.models import PARTS
from billing.footprint.prices import as_amount
from billing.footprint.reading import Footprint, Stretch
from billing.footprint.split import CORE_HOUR, GIB_HOUR, Parts
from controlplane.api.links import runtime_url
from controlplane.api.shapes.base import COUNT, ID, TEXT, URL, Shape, maybe, page_of, record, several, words
from provisioner.runtimes.models import Runtime

AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "A decimal number."}
DAY = {"type": "string", "format": "date", "description": "A day of UTC."}
ABOUT = (
    "`workload` is what the tenant's own work asked for or used, whichever is more; `platform` the same of what Nesoi runs; "
    "`reserve` what nodes keep for themselves; `idle` the rest."
)
_PARTS = record(dict.fromkeys(PARTS, AMOUNT), description=ABOUT)
_COST = record(
    {"currency": TEXT, **dict.fromkeys(PARTS, AMOUNT)},
    description="What the nodes cost at list prices; null for roles that may not see costs, and where nothing prices them.",
)
_CARBON = record(
    {
        **dict.fromkeys((*PARTS, "storage", "total", "low", "high"), AMOUNT),
        "region_known": {"type": "boolean", "description": "False: no grid figure, so the range is wide."},
        "use_known": {"type": "boolean", "description": "False: use was guessed at half of the processors."},
    },
    description="Grams of CO2e, location-based: an estimate, which lies between low and high. See `/carbon-factors`.",
)
_BODY = {
    "first": DAY,
    "until": {**DAY, "description": "The first day that is not in it."},
    "days": COUNT,
    "known_percent": {**COUNT, "description": "How much of the time was seen; the rest is nobody's."},
    "core_hours": _PARTS,
    "gib_hours": _PARTS,
    "cost": maybe(_COST),
    "carbon": _CARBON,
    "overrun_core_hours": {**AMOUNT, "description": "By how much work went beyond what nodes could give."},
    "overrun_gib_hours": AMOUNT,
}
_RUNTIME = {
    "id": ID,
    "url": URL,
    "name": {"type": ["string", "null"], "description": "null: it belongs to another tenant now."},
    "account": {"type": ["string", "null"]},
    "tenant": {"type": ["string", "null"]},
}
FOOTPRINT = Shape("Footprint", record({**_RUNTIME, **_BODY}, description="What a runtime took up."))
FOOTPRINT_LIST = page_of(FOOTPRINT)
FOOTPRINT_SUMMARY = Shape(
    "FootprintSummary",
    record(
        {
            "first": DAY,
            "until": DAY,
            "total": maybe(record(_BODY, description="null: nothing was seen.")),
            "by_day": several(record({"day": DAY, **_BODY})),
        },
        description="What all runtimes together took up, and on which day.",
    ),
)
FINDINGS = Shape(
    "FootprintFindings",
    record(
        {
            "results": several(
                record(
                    {
                        "runtime": record(_RUNTIME),
                        "kind": words(list(Kind)),
                        "suggestion": words(
                            list(Action), "What a person might do; nothing is done by itself."
                        ),
                        "resource": words(["cpu", "memory", ""]),
                        "percent": COUNT,
                        "limit_percent": COUNT,
                        "days": COUNT,
                        "first": DAY,
                        "last": DAY,
                        "detail": TEXT,
                    }
                )
            )
        },
        description="Runtimes that someone should look at, by the last fortnight; the gravest first, at most 200.",
    ),
)


def decimal(value: Fraction, places: int = 3) -> str:
    """Return a number as text, rounded."""
    return str(round(Decimal(value.numerator) / Decimal(value.denominator), places))


def runtime_json(runtime_id: UUID, known: Mapping[UUID, Runtime], *, base: str) -> dict[str, Any]:
    """Return who a runtime is."""
    row = known.get(runtime_id)
    return {
        "id": str(runtime_id),
        "url": runtime_url(base, runtime_id),
        "name": row.name if row else None,
        "account": row.account.slug if row else None,
        "tenant": row.tenant.slug if row else None,
    }


def footprint_json(found: Footprint, stretch: Stretch, *, money: bool) -> dict[str, Any]:
    """Return a footprint as read; without `money` its costs are left out."""
    cost = found.parts("cost")
    return {
        "first": str(stretch.first),
        "until": str(stretch.last),
        "days": found.days,
        "known_percent": found.known_percent,
        "core_hours": _parts(found.parts("cpu"), CORE_HOUR),
        "gib_hours": _parts(found.parts("memory"), GIB_HOUR),
        "cost": {
            "currency": found.currency,
            **{name: str(as_amount(part)) for name, part in zip(PARTS, cost, strict=True)},
        }
        if money and found.currency
        else None,
        "carbon": {
            **_parts(found.parts("carbon"), 1000),
            "storage": decimal(Fraction(found.sums["carbon_storage"], 1000)),
            "total": decimal(Fraction(found.carbon, 1000)),
            "low": decimal(Fraction(found.sums["carbon_low"], 1000)),
            "high": decimal(Fraction(found.sums["carbon_high"], 1000)),
            "region_known": found.regions_known,
            "use_known": found.use_known,
        },
        "overrun_core_hours": decimal(Fraction(found.sums["cpu_overrun"], CORE_HOUR)),
        "overrun_gib_hours": decimal(Fraction(found.sums["memory_overrun"], GIB_HOUR)),
    }


def summary_json(
    total: Footprint | None, days: Mapping[date, Footprint], stretch: Stretch, *, money: bool
) -> dict[str, Any]:
    """Return everything together as read."""
    return {
        "first": str(stretch.first),
        "until": str(stretch.last),
        "total": footprint_json(total, stretch, money=money) if total else None,
        "by_day": [
            {"day": str(day), **footprint_json(found, Stretch(day, day), money=money), "first": str(day)}
            for day, found in days.items()
        ],
    }


def finding_json(found: Finding, known: Mapping[UUID, Runtime], *, base: str) -> dict[str, Any]:
    """Return a finding as read."""
    return {
        "runtime": runtime_json(found.stretch.runtime, known, base=base),
        "kind": found.kind,
        "suggestion": found.action,
        "resource": found.resource,
        "percent": found.percent,
        "limit_percent": found.limit,
        "days": found.stretch.days,
        "first": str(found.stretch.first),
        "last": str(found.stretch.last),
        "detail": found.sentence,
    }


def _parts(parts: Parts, unit: int) -> dict[str, str]:
    return {name: decimal(Fraction(part, unit)) for name, part in zip(PARTS, parts, strict=True)}
