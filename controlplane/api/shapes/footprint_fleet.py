"""The ranking of the platform's components, and what carbon is estimated with."""

from __future__ import annotations

from typing import Any

from billing.footprint.carbon_factors import Factors, Figure, Source
from billing.footprint.methodology import listed
from billing.footprint.ranking import Amount, Component, Ranking
from controlplane.api.shapes.base import COUNT, TEXT, Shape, maybe, record, several, words
from controlplane.api.shapes.footprint import AMOUNT, DAY, decimal

MAYBE_NUMBER = {"type": ["integer", "null"]}
_SUM = record(
    {
        "cores": AMOUNT,
        "gib": AMOUNT,
        "monthly": {
            "type": ["string", "null"],
            "description": "At list prices; null where not all has a price.",
        },
    }
)
RANKING = Shape(
    "ComponentRanking",
    record(
        {
            "first": DAY,
            "until": DAY,
            "days": COUNT,
            "currency": TEXT,
            "change": record({"unit": words(["millicores", "mib"]), "amount": COUNT}),
            "results": several(
                record(
                    {
                        "component": TEXT,
                        "runtimes": COUNT,
                        "requested": _SUM,
                        "used": maybe(_SUM),
                        "growth_percent": {**MAYBE_NUMBER, "description": "In four weeks; null: it is new."},
                        "saving": {
                            **_SUM,
                            "description": "If each runtime's request were smaller by `change`.",
                        },
                        "millicores_per_runtime": AMOUNT,
                        "mib_per_runtime": AMOUNT,
                    }
                )
            ),
        },
        description="The platform's components over the fleet, on average of the newest week; the dearest first.",
    ),
)
_RANGE = record({"low": AMOUNT, "mid": AMOUNT, "high": AMOUNT, "source": TEXT, "note": TEXT})
CARBON_FACTORS = Shape(
    "CarbonFactors",
    record(
        {
            "version": COUNT,
            "title": TEXT,
            "effective_from": DAY,
            "sources": {
                "type": "object",
                "additionalProperties": record(
                    {"title": TEXT, "url": TEXT, "licence": TEXT, "vintage": TEXT}
                ),
            },
            "figures": {
                "type": "object",
                "additionalProperties": _RANGE,
                "description": "By a key such as `grid.eu-central-1.g_per_kwh`.",
            },
            "left_out": several(TEXT),
        },
        description="What carbon is estimated with: every figure with its range and source.",
    ),
)


def ranking_json(ranking: Ranking, unit: str, amount: int) -> dict[str, Any]:
    """Return the ranking as read."""
    return {
        "first": str(ranking.first),
        "until": str(ranking.last),
        "days": ranking.days,
        "currency": ranking.currency,
        "change": {"unit": unit, "amount": amount},
        "results": [_component(one) for one in ranking.components],
    }


def factors_json(factors: Factors) -> dict[str, Any]:
    """Return a version of the factors as read."""
    return {
        "version": factors.version,
        "title": factors.title,
        "effective_from": str(factors.effective_from),
        "sources": {key: _source(source) for key, source in factors.sources.items()},
        "figures": {one.key: _figure(one.figure) for one in listed(factors)},
        "left_out": list(factors.left_out),
    }


def _figure(figure: Figure) -> dict[str, str]:
    low, mid, high = (decimal(one, 6) for one in figure.range)
    return {"low": low, "mid": mid, "high": high, "source": figure.source, "note": figure.note}


def _source(source: Source) -> dict[str, str]:
    return {
        "title": source.title,
        "url": source.url,
        "licence": source.licence,
        "vintage": source.vintage,
    }


def _component(one: Component) -> dict[str, Any]:
    return {
        "component": one.name,
        "runtimes": one.runtimes,
        "requested": _amount(one.requested),
        "used": _amount(one.used) if one.used else None,
        "growth_percent": one.growth_percent,
        "saving": _amount(one.saving),
        "millicores_per_runtime": decimal(one.per_runtime_millicores),
        "mib_per_runtime": decimal(one.per_runtime_mib),
    }


def _amount(one: Amount) -> dict[str, Any]:
    return {
        "cores": decimal(one.cores),
        "gib": decimal(one.gib),
        "monthly": None if one.monthly is None else decimal(one.monthly, 2),
    }
