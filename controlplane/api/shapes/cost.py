"""Costs. Money is a decimal string in the currency beside it; times are UTC and half-open."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.costs.breakdown import By, Figure
from billing.costs.forecasting import TooLittle
from billing.costs.months import Known
from billing.costs.names import title_of
from billing.costs.projecting import Outlook
from billing.costs.sentences import rounded
from billing.costs.summary import Overview, Past
from controlplane.api.shapes.base import (
    COUNT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    Shape,
    maybe,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339

AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "A decimal number."}
MAYBE_AMOUNT = {"type": ["string", "null"], "pattern": r"^-?\d+(\.\d+)?$", "description": "A decimal number."}
DAY = {"type": "string", "format": "date"}
MONTH = {"type": "string", "pattern": r"^\d{4}-\d{2}$"}
MAYBE_DAY = {"type": ["string", "null"], "format": "date"}
COVERAGE = record(
    {
        "observed_seconds": COUNT,
        "inferred_seconds": COUNT,
        "unknown_seconds": COUNT,
        "observed_share": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    },
    description="How much of the runtimes' time is known: seen, inferred from what was seen before and after, or not at all.",
)
FORECAST = Shape(
    "CostForecast",
    record(
        {
            "tenant": TEXT,
            "currency": TEXT,
            "known_days": COUNT,
            "needed_days": {
                **COUNT,
                "description": "With fewer known days there is no forecast, and the amounts are null.",
            },
            "by_weekday": {"type": "boolean"},
            "expected": MAYBE_AMOUNT,
            "low": MAYBE_AMOUNT,
            "high": MAYBE_AMOUNT,
            "accounts": several(
                record({"account": MAYBE_TEXT, "expected": AMOUNT, "low": AMOUNT, "high": AMOUNT})
            ),
        },
        description="What the month will have cost; it lies between low and high four times out of five.",
    ),
)
SUMMARY = Shape(
    "Costs",
    record(
        {
            "tenant": TEXT,
            "month": MONTH,
            "until": MOMENT,
            "currency": TEXT,
            "total": AMOUNT,
            "credit": {**AMOUNT, "description": "Given back; zero or less. It is in the total."},
            "coverage": COVERAGE,
            "forecast": maybe(FORECAST),
            "comparison": maybe(
                record(
                    {
                        "days": COUNT,
                        "now": AMOUNT,
                        "before": AMOUNT,
                        "percent": {"type": ["integer", "null"]},
                    },
                    description="Days that are over, and the same days of the month before.",
                )
            ),
            "sealed_total": MAYBE_AMOUNT,
            "beside": {
                **MAYBE_AMOUNT,
                "description": "What the month's statement, sealed or not, demands besides: corrections of earlier months, and"
                " what was booked by hand. It is not in the total. Null: there is no statement yet.",
            },
            "corrected_days": {
                **several(DAY),
                "description": "That came out different since the statement was sealed: corrections in the next one.",
            },
            "trend": several(
                record({"month": MONTH, "amount": AMOUNT, "currency": TEXT, "sealed": {"type": "boolean"}})
            ),
            "problems": {
                **several(record({"code": TEXT, "detail": TEXT})),
                "description": "What could not be rated and is missing from the total.",
            },
        },
        description="What a month costs, rated as its statement will be.",
    ),
)
ROW = record(
    {
        "key": {
            **TEXT,
            "description": "An id, a meter or a day; empty: the tenant's as a whole, or no day's.",
        },
        "name": {
            **TEXT,
            "description": "An account's or runtime's name, a meter's title, or the day; empty where the name is not known here.",
        },
        "dimension": TEXT,
        "quantity": MAYBE_AMOUNT,
        "unit": TEXT,
        "activity": {**AMOUNT, "description": "At contracted prices, before commitments and credits."},
        "credit": AMOUNT,
        "cost": AMOUNT,
        "coverage": COVERAGE,
    }
)
BREAKDOWN = Shape(
    "CostBreakdown",
    record(
        {
            "tenant": TEXT,
            "by": words(list(By)),
            "from": DAY,
            "to": DAY,
            "currency": TEXT,
            "total": AMOUNT,
            "rows": several(ROW),
        },
        description="Costs added up by something; together the rows are the total.",
    ),
)
CSV_LINES = Shape("CostLines", {"type": "string", "description": "CSV with a header."})


def coverage_json(known: Known) -> dict[str, Any]:
    """Return how much is known."""
    return {
        "observed_seconds": known.observed,
        "inferred_seconds": known.inferred,
        "unknown_seconds": known.unknown,
        "observed_share": None if known.share is None else round(float(known.share), 6),
    }


def forecast_json(tenant: str, currency: str, outlook: Outlook) -> dict[str, Any]:
    """Return a forecast, or how many days it still needs."""
    if isinstance(outlook, TooLittle):
        told = {"known_days": outlook.known_days, "needed_days": outlook.needed, "by_weekday": False}
        nothing: dict[str, Any] = {"expected": None, "low": None, "high": None, "accounts": []}
        return {"tenant": tenant, "currency": currency, **told, **nothing}
    return {
        "tenant": tenant,
        "currency": currency,
        "known_days": outlook.known_days,
        "needed_days": TooLittle(0).needed,
        "by_weekday": outlook.by_weekday,
        "expected": amount(outlook.expected, currency),
        "low": amount(outlook.low, currency),
        "high": amount(outlook.high, currency),
        "accounts": [
            {
                "account": account or None,
                **dict(
                    zip(("expected", "low", "high"), (amount(one, currency) for one in three), strict=True)
                ),
            }
            for account, three in sorted(outlook.accounts.items())
        ],
    }


def summary_json(tenant: str, found: Overview, past: list[Past]) -> dict[str, Any]:
    """Return a month."""
    month = found.month
    compared = found.comparison
    return {
        "tenant": tenant,
        "month": f"{month.period.start:%Y-%m}",
        "until": rfc3339(month.until),
        "currency": month.currency,
        "total": amount(month.total, month.currency),
        "credit": amount(month.credit, month.currency),
        "coverage": coverage_json(month.known),
        "forecast": found.outlook and forecast_json(tenant, month.currency, found.outlook),
        "comparison": compared
        and {
            "days": compared.days,
            "now": amount(compared.now, month.currency),
            "before": amount(compared.before, month.currency),
            "percent": compared.percent,
        },
        "sealed_total": found.sealed and amount(found.sealed.total, found.sealed.currency),
        "beside": found.statement and amount(found.beside, found.statement.currency),
        "corrected_days": [day.isoformat() for day in found.corrected_days],
        "trend": [
            {
                "month": f"{one.month:%Y-%m}",
                "amount": amount(one.amount, one.currency),
                "currency": one.currency,
                "sealed": one.is_sealed,
            }
            for one in past
        ],
        "problems": [{"code": problem.code, "detail": problem.detail} for problem in month.problems],
    }


def figure_json(figure: Figure, by: By, names: Mapping[str, str], currency: str) -> dict[str, Any]:
    """Return one row of a breakdown."""
    return {
        "key": figure.key,
        "name": title_of(figure, by, names),
        "dimension": figure.dimension,
        "quantity": None if figure.quantity is None else f"{figure.quantity:f}",
        "unit": figure.unit,
        "activity": amount(figure.activity, currency),
        "credit": amount(figure.credit, currency),
        "cost": amount(figure.cost, currency),
        "coverage": coverage_json(figure.known),
    }


def amount(value: Decimal, currency: str) -> str:
    """Write an amount with its currency's places, or whole grams."""
    return f"{rounded(value, currency):f}" if currency else f"{value.quantize(Decimal(1)):f}"
