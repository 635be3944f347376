"""How a tenant or an account stands: active, suspended, about to be deleted, gone."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import COUNT, MAYBE_MOMENT, TEXT, Shape, record, words
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.models import State, Tenant
from provisioner.lifecycle.following import progress
from provisioner.lifecycle.models import Standing, Why
from provisioner.lifecycle.tenants import Owner, of

STANDING = Shape(
    "Standing",
    record(
        {
            "kind": words(["tenant", "account"]),
            "slug": TEXT,
            "state": words(State.values),
            "reason": words(Why.values, "Why it is suspended; empty while only its deletion is scheduled."),
            "note": TEXT,
            "by": TEXT,
            "since": MAYBE_MOMENT,
            "delete_after": {**MAYBE_MOMENT, "description": "Until then its deletion can be undone."},
            "closed_at": {**MAYBE_MOMENT, "description": "It was deleted for good."},
            "problem": {
                "type": "string",
                "description": "What keeps its runtimes from following; it is tried again.",
            },
            "runtimes": record(
                {
                    "total": COUNT,
                    "moving": {**COUNT, "description": "On their way to where they belong."},
                    "failed": COUNT,
                }
            ),
        },
        description="Its runtimes follow by operations of their own: `runtimes` says how far they are.",
    ),
)
SUSPENSION = Shape(
    "Suspension",
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "reason": {"type": "string", "enum": [why for why in Why.values if why], "default": "wish"},
            "note": {"type": "string", "maxLength": 500},
        },
    },
    example={"reason": "payment", "note": "Invoice 4711 is due since March."},
)
DELETION = Shape(
    "Deletion",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["confirm"],
        "properties": {
            "confirm": {
                "type": "string",
                "maxLength": 64,
                "description": "The slug of what is to be deleted.",
            },
            "note": {"type": "string", "maxLength": 500},
        },
    },
    example={"confirm": "shop", "note": "The shop is closed."},
)


def standing_json(owner: Owner, standing: Standing | None) -> dict[str, Any]:
    """Return how the owner stands; one statement for its runtimes."""
    row = standing or Standing(**of(owner))
    total, moving, failed = progress(row)
    return {
        "kind": "tenant" if isinstance(owner, Tenant) else "account",
        "slug": owner.slug,
        "state": owner.state,
        "reason": row.reason,
        "note": row.note,
        "by": row.by,
        "since": rfc3339(row.since) if standing else None,
        "delete_after": rfc3339(row.delete_after),
        "closed_at": rfc3339(row.closed_at),
        "problem": row.problem,
        "runtimes": {"total": total, "moving": moving, "failed": failed},
    }
