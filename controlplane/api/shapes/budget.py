"""Budgets, and days out of the ordinary."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.costs.checking import Stand
from billing.costs.models import Anomaly, AnomalyState, Budget, Kind
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    page_of,
    record,
    several,
    words,
)
from controlplane.api.shapes.cost import AMOUNT, DAY, MAYBE_AMOUNT, amount
from controlplane.kernel.clock import rfc3339

PERCENTS = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 1000}, "maxItems": 10}
BUDGET = Shape(
    "Budget",
    record(
        {
            "id": ID,
            "url": URL,
            "tenant": TEXT,
            "account": {
                "type": ["string", "null"],
                "format": "uuid",
                "description": "null: the whole tenant's.",
            },
            "name": TEXT,
            "kind": words(list(Kind.values)),
            "amount": AMOUNT,
            "currency": {**MAYBE_TEXT, "description": "null: the amount is grams of CO2e."},
            "thresholds": several(COUNT),
            "forecast_thresholds": several(COUNT),
            "hard_stop": {"type": "boolean"},
            "revision": COUNT,
            "spent": AMOUNT,
            "expected": MAYBE_AMOUNT,
            "problem": {
                **TEXT,
                "description": "Why not all of it can be reckoned, in a sentence; empty mostly. `spent` is then what was known "
                "last, or what could be priced where that is more, and `expected` what was known last. A stop goes on by it.",
            },
            "created_by": TEXT,
            "created_at": MOMENT,
        },
        description="So much a calendar month of UTC, and how it stands in this one.",
    ),
)
BUDGET_LIST = page_of(BUDGET)
_FIELDS: dict[str, Any] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 80},
    "amount": {
        "type": "string",
        "pattern": r"^[0-9]{1,13}(\.[0-9]{1,6})?$",
        "description": "In the currency of the tenant's statements, or grams of CO2e.",
    },
    "thresholds": {
        **PERCENTS,
        "description": "Per cent of what is spent that are told by e-mail, once a month each.",
    },
    "forecast_thresholds": {**PERCENTS, "description": "Per cent of what is expected by the month's end."},
    "hard_stop": {"type": "boolean", "description": "No new runtimes once it is used up."},
}
BUDGET_WISH = Shape(
    "BudgetWish",
    {
        "type": "object",
        "required": ["name", "amount"],
        "additionalProperties": False,
        "properties": {
            **_FIELDS,
            "kind": {**words(list(Kind.values)), "default": "amount"},
            "account": {"type": "string", "description": "Id or slug; left out: the whole tenant."},
            "tenant": TEXT,
        },
    },
    example={"name": "Shop", "amount": "500.00", "account": "shop", "thresholds": [50, 80, 100]},
)
BUDGET_CHANGE = Shape(
    "BudgetChange",
    {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": _FIELDS},
    example={"amount": "800.00"},
)
ANOMALY = Shape(
    "CostAnomaly",
    record(
        {
            "id": ID,
            "tenant": TEXT,
            "account": ID,
            "runtime": ID,
            "day": DAY,
            "worth": AMOUNT,
            "usual": AMOUNT,
            "currency": TEXT,
            "compared_days": COUNT,
            "same_weekday": {"type": "boolean"},
            "moved": {
                **several(record({"meter": TEXT, "dimension": TEXT, "worth": AMOUNT, "usual": AMOUNT})),
                "description": "The meters that explain it, the largest change first.",
            },
            "state": words(list(AnomalyState.values)),
            "reason": TEXT,
            "answered_by": TEXT,
            "found_at": MOMENT,
        },
        description="A runtime's day out of its own ordinary, all days valued at the day's prices.",
    ),
)
ANOMALY_LIST = page_of(ANOMALY)
DISMISSAL = Shape(
    "Dismissal",
    {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": 300}},
    },
    example={"reason": "A load test."},
)


def budget_json(row: Budget, stand: Stand, *, base: str) -> dict[str, Any]:
    """Return a budget as it stands; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "url": f"{base}/api/v1/budgets/{row.id}",
        "tenant": row.tenant.slug,
        "account": str(row.account) if row.account else None,
        "name": row.name,
        "kind": row.kind,
        "amount": amount(row.amount, row.currency),
        "currency": row.currency or None,
        "thresholds": row.thresholds,
        "forecast_thresholds": row.forecast_thresholds,
        "hard_stop": row.hard_stop,
        "revision": row.revision,
        "spent": amount(stand.spent, row.currency),
        "expected": None if stand.expected is None else amount(stand.expected, row.currency),
        "problem": stand.problem,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
    }


def anomaly_json(row: Anomaly) -> dict[str, Any]:
    """Return an anomaly; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "tenant": row.tenant.slug,
        "account": str(row.account),
        "runtime": str(row.runtime),
        "day": row.day.isoformat(),
        "worth": amount(row.worth, row.currency),
        "usual": amount(row.usual, row.currency),
        "currency": row.currency,
        "compared_days": row.compared,
        "same_weekday": row.same_weekday,
        "moved": [
            {
                **one,
                "worth": amount(Decimal(one["worth"]), row.currency),
                "usual": amount(Decimal(one["usual"]), row.currency),
            }
            for one in row.moved
        ],
        "state": row.state,
        "reason": row.reason,
        "answered_by": row.answered_by,
        "found_at": rfc3339(row.found_at),
    }
