"""Samples of usage that agents push, and those that were put aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billing.usage.deciding import ACCEPTED, DISMISSED, LONGEST_REASON
from billing.usage.models import Quarantined
from billing.usage.pushing import MOST_ROWS
from billing.usage.samples import Ingested, Origin, RowFault
from controlplane.api.shapes.base import (
    COUNT,
    FREE,
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
from controlplane.kernel.clock import rfc3339

_ROW = {
    **FREE,
    "description": "`runtime` (id), `at` (when it was seen), `epoch` (incarnation of the cluster), `levels` {meter: {dimension:"
    " whole number in base units}}, `components` {component: [millicores, MiB]}, `gauges`, and once an hour `component_use`.",
}
SAMPLES = Shape(
    "Samples",
    {
        **record(
            {
                "sent_at": {**MOMENT, "description": "The agent's clock as it sends: at most one slot off."},
                "samples": {**several(_ROW), "minItems": 1, "maxItems": MOST_ROWS},
            },
            description="Sights of runtimes. Sending the same again changes nothing.",
        ),
        "additionalProperties": False,
    },
    example={
        "sent_at": "2026-01-31T12:00:21Z",
        "samples": [
            {
                "runtime": "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
                "at": "2026-01-31T12:00:20Z",
                "epoch": 0,
                "levels": {"vcpu": {"": 8000}, "node": {"m5.large": 4}},
                "gauges": {"workload_requested_millicores": 3000, "egress_bytes": 120000},
            }
        ],
    },
)
_FAULT = record(
    {"row": {**COUNT, "description": "From 0."}, "column": TEXT, "code": TEXT, "detail": TEXT},
    description="What is wrong with one row.",
)
INGESTED = Shape(
    "Ingested",
    record(
        {
            "accepted": COUNT,
            "duplicates": {**COUNT, "description": "Known already, with the same content."},
            "quarantined": {
                **several(_FAULT),
                "description": "Kept for an SRE to look into; they count for nothing.",
            },
            "refused": {**several(_FAULT), "description": "Not stored; mend and send them again."},
        },
        description="What became of every row.",
    ),
)
QUARANTINED = Shape(
    "QuarantinedSample",
    record(
        {
            "id": ID,
            "runtime": ID,
            "slot": MOMENT,
            "epoch": COUNT,
            "reason": TEXT,
            "detail": TEXT,
            "payload": FREE,
            "origin": words([origin.name.lower() for origin in Origin]),
            "reported_at": MOMENT,
            "stored_at": MOMENT,
            "decision": {
                **words(["", ACCEPTED, DISMISSED]),
                "description": "Empty while nobody has decided.",
            },
            "decided_by": TEXT,
            "decided_why": TEXT,
            "decided_at": MAYBE_MOMENT,
        },
        description="A sample that can't be believed.",
    ),
)
DECISION = Shape(
    "SampleDecision",
    {
        "type": "object",
        "required": ["reason"],
        "additionalProperties": False,
        "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON}},
    },
    example={"reason": "The agent's figures agree with the landscape's own."},
)
QUARANTINED_LIST = page_of(QUARANTINED)


def ingested_json(result: Ingested) -> dict[str, Any]:
    """Write what became of a batch."""
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "quarantined": _faults(result.quarantined),
        "refused": _faults(result.refused),
    }


def quarantined_json(row: Quarantined) -> dict[str, Any]:
    """Write a sample that was put aside."""
    return {
        "id": str(row.id),
        "runtime": str(row.runtime),
        "slot": rfc3339(row.slot),
        "epoch": row.epoch,
        "reason": row.reason,
        "detail": row.detail,
        "payload": row.payload,
        "origin": Origin(row.origin).name.lower(),
        "reported_at": rfc3339(row.reported_at),
        "stored_at": rfc3339(row.stored_at),
        "decision": row.decision,
        "decided_by": row.decided_by,
        "decided_why": row.decided_why,
        "decided_at": rfc3339(row.decided_at) if row.decided_at else None,
    }


def _faults(faults: Sequence[RowFault]) -> list[dict[str, Any]]:
    return [{"row": f.row, "column": f.column, "code": f.code, "detail": f.detail} for f in faults]
