"""The audit trail's rows."""

from __future__ import annotations

from controlplane.api.shapes.base import FREE, ID, MAYBE_TEXT, MOMENT, TEXT, Shape, page_of, record, words

AUDIT_EVENT = Shape(
    "AuditEvent",
    record(
        {
            "id": ID,
            "at": MOMENT,
            "tenant": {**MAYBE_TEXT, "description": "Slug; null for what concerns the platform."},
            "actor": TEXT,
            "on_behalf_of": {"type": "string", "description": "Whom another platform named, or empty."},
            "action": TEXT,
            "outcome": words(["done", "denied"]),
            "target": record({"type": TEXT, "id": TEXT}),
            "changes": {
                **FREE,
                "description": "Facts, and what changed as {before, after}; secrets are masked.",
            },
            "request_id": TEXT,
            "address": TEXT,
        },
        description="One thing that somebody did or was refused; never changed.",
    ),
)
AUDIT_LIST = page_of(AUDIT_EVENT)
AUDIT_LINES = Shape(
    "AuditLines", {"type": "string", "description": "One AuditEvent as JSON on each line, oldest first."}
)
