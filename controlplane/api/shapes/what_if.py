"""What-if: a month of every tenant by other prices. Money is a decimal string."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billing.books.what_if_models import WhatIf, WhatIfAnswer
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    Shape,
    page_of,
    record,
    several,
    words,
)
from controlplane.api.shapes.cost import amount
from controlplane.api.shapes.exports import MAYBE_ID
from controlplane.api.shapes.prices import AMOUNT, MONTH
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.jobs import JobState

_SIDES = {"currency": TEXT, "before": AMOUNT, "after": AMOUNT, "change": AMOUNT}
WHAT_IF = Shape(
    "PriceWhatIf",
    record(
        {
            "id": ID,
            "book": {
                **TEXT,
                "description": "Which prices are tried: a book's key and version, or those that a proposal would become.",
            },
            "proposal": {**MAYBE_ID, "description": "Of prices that are not active: the upload's id."},
            "month": MONTH,
            "instead_of": {**TEXT, "description": "Key of the book it stands in for; empty: every book."},
            "state": words(JobState.values),
            "tenants": {**COUNT, "description": "That are to be rated, as far as is known yet."},
            "rated": {**COUNT, "description": "Of these, so far."},
            "sums": {
                **several(record(_SIDES)),
                "description": "Everybody who was rated so far, by currency.",
            },
            "fault": TEXT,
            "asked_by": TEXT,
            "created_at": MOMENT,
            "finished_at": MAYBE_MOMENT,
        },
        description="A worker rates it, tenant by tenant; nothing else is written, and answers are kept for a week.",
    ),
)
WHAT_IF_LIST = page_of(WHAT_IF)
WISH = Shape(
    "PriceWhatIfRequest",
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "month": {"type": "string", "description": "A month that has begun; the last one unless told."},
            "instead_of": {
                "type": "string",
                "maxLength": 39,
                "description": "Key of the book it stands in for; every one.",
            },
        },
    },
    example={"month": "2026-10", "instead_of": "standard"},
)
ANSWER = Shape(
    "PriceWhatIfTenant",
    record(
        {
            "tenant": TEXT,
            **_SIDES,
            "moved": several(record({"meter": TEXT, "dimension": TEXT, "change": AMOUNT})),
            "problems": several(TEXT),
        },
        description="One tenant's month by both prices. `moved` are its largest changes.",
    ),
)
ANSWER_LIST = page_of(ANSWER)


def what_if_json(row: WhatIf, sums: Sequence[tuple[str, Decimal, Decimal]]) -> dict[str, Any]:
    """Return a question, and how far it has come."""
    return {
        "id": str(row.id), "book": row.book, "proposal": row.proposal, "month": f"{row.month:%Y-%m}",
        "instead_of": row.instead_of, "state": row.state, "tenants": row.tenants, "rated": row.rated,
        "sums": [_sides(currency, before, after) for currency, before, after in sums],
        "fault": row.fault, "asked_by": row.asked_by, "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
    }  # fmt: skip


def answer_json(row: WhatIfAnswer) -> dict[str, Any]:
    """Return one tenant's month by both prices."""
    return {
        "tenant": row.slug,
        **_sides(row.currency, row.before, row.after),
        "moved": [
            {"meter": meter, "dimension": dimension, "change": change}
            for meter, dimension, change in row.moved
        ],
        "problems": row.problems,
    }


def _sides(currency: str, before: Decimal, after: Decimal) -> dict[str, Any]:
    return {
        "currency": currency,
        "before": amount(before, currency),
        "after": amount(after, currency),
        "change": amount(after - before, currency),
    }
