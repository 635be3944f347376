"""Credits and adjustments that FinOps books by hand."""

from __future__ import annotations

from typing import Any

from billing.pricing.amounts import plain
from billing.statements.adjusting import KINDS
from billing.statements.models import Adjustment
from controlplane.api.shapes.base import ID, TEXT, Shape, maybe, page_of, record, words
from controlplane.api.shapes.statement import AMOUNT

ADJUSTMENT = Shape(
    "Adjustment",
    record(
        {
            "id": ID,
            "tenant": TEXT,
            "category": words([str(kind) for kind in KINDS]),
            "amount": AMOUNT,
            "currency": TEXT,
            "title": TEXT,
            "reason": TEXT,
            "made_by": TEXT,
            "statement": maybe(ID),
        }
    ),
)
ADJUSTMENT_LIST = page_of(ADJUSTMENT)
ADJUSTMENT_WISH = Shape(
    "AdjustmentWish",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["tenant", "category", "amount", "currency", "title", "reason"],
        "properties": {
            "tenant": {"type": "string", "maxLength": 40},
            "category": words([str(kind) for kind in KINDS], "A credit gives back; an adjustment may add too."),
            "amount": {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,6})?$"},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "title": {"type": "string", "minLength": 1, "maxLength": 120},
            "reason": {"type": "string", "minLength": 1, "maxLength": 500},
        },
    },
    example={
        "tenant": "archipel", "category": "Credit", "amount": "-12.50", "currency": "EUR", "title": "Outage of 3 June",
        "reason": "ticket 7",
    },
)  # fmt: skip


def adjustment_json(row: Adjustment) -> dict[str, Any]:
    """Return an adjustment; reads `tenant` of the row."""
    return {
        "id": str(row.pk),
        "tenant": row.tenant.slug,
        "category": row.category,
        "amount": plain(row.amount),
        "currency": row.currency,
        "title": row.title,
        "reason": row.reason,
        "made_by": row.made_by,
        "statement": str(row.statement_id) if row.statement_id else None,
    }
