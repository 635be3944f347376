"""The audit trail's rows."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    page_of,
    record,
    words,
)
from controlplane.api.shapes.team import request_of
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.jobs import JobState

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

_SEARCHED = {"type": "string", "maxLength": 200}
_MOMENT = {"type": "string", "format": "date-time", "maxLength": 40}
EXPORT_CREATE = request_of(
    "AuditExportCreate",
    {
        **dict.fromkeys(("actor", "action", "target", "request_id", "text", "tenant"), _SEARCHED),
        "outcome": words(["done", "denied"]),
        "since": _MOMENT,
        "until": _MOMENT,
    },
    required=[],
    example={"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"},
)
EXPORT = Shape(
    "AuditExport",
    record(
        {
            "id": ID,
            "url": URL,
            "tenant": {**MAYBE_TEXT, "description": "Slug; null for one of the platform's team."},
            "asked_by": TEXT,
            "state": words(list(JobState)),
            "since": MOMENT,
            "until": MOMENT,
            "search": {**FREE, "description": "What else narrows it."},
            "rows": {**COUNT, "description": "So far."},
            "place": {"type": "string", "description": "Where it is, once it is done."},
            "fault": {"type": "string", "description": "Why it is not, or is tried again."},
            "created_at": MOMENT,
            "finished_at": MAYBE_MOMENT,
        },
        description="A period of the trail on its way to the place that Nesoi's operator set up.",
    ),
)
EXPORT_LIST = page_of(EXPORT)


def export_json(row: AuditExport, *, url: str) -> dict[str, Any]:
    """Return an export as the API shows it; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "url": url,
        "tenant": row.tenant.slug if row.tenant else None,
        "asked_by": row.asked_by,
        "state": row.state,
        "since": rfc3339(row.since),
        "until": rfc3339(row.until),
        "search": row.search,
        "rows": row.rows,
        "place": row.place,
        "fault": row.fault,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
    }
