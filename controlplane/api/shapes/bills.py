"""Providers' bills: what was booked, what somebody wants booked, and what came of it. Money is a decimal string."""

from __future__ import annotations

from typing import Any

from billing.exports.bills.importing import FORMATS
from billing.exports.models import BillImport, ProviderBill
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
from controlplane.api.shapes.exports import AMOUNT, MAYBE_ID, MONTH, plain
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.jobs import JobState

PROVIDER_BILL = Shape(
    "ProviderBill",
    record(
        {
            "id": ID, "provider": TEXT, "payer": TEXT, "month": MONTH, "final": {"type": "boolean"}, "invoice": TEXT,
            "currency": TEXT, "lines": COUNT, "unblended": AMOUNT, "amortized": AMOUNT, "imported_at": MOMENT,
            "imported_by": TEXT,
        }
    ),
)  # fmt: skip
PROVIDER_BILL_LIST = page_of(PROVIDER_BILL)
BILL_IMPORT = Shape(
    "BillImport",
    record(
        {
            "id": ID, "provider": TEXT, "format": words(list(FORMATS)), "source": TEXT, "state": words(JobState.values),
            "booked": {"type": "boolean", "description": "False once it is done: the same files were booked before."},
            "fault": TEXT,
            "faults": {
                **several(record({"column": TEXT, "detail": TEXT})),
                "description": "Rows that are wrong, the first twenty, each with its row and column; then nothing was booked.",
            },
            "bill": MAYBE_ID, "asked_by": TEXT, "created_at": MOMENT, "finished_at": MAYBE_MOMENT,
        },
        description="A bill that somebody wants booked; a worker reads it.",
    ),
)  # fmt: skip
BILL_IMPORT_LIST = page_of(BILL_IMPORT)
BILL_WISH = Shape(
    "BillImportRequest",
    {
        "type": "object",
        "required": ["provider"],
        "additionalProperties": False,
        "properties": {
            "provider": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,30}$"},
            "format": {"enum": list(FORMATS), "default": "cur2"},
            "source": {
                "type": "string", "maxLength": 500, "pattern": "^s3://",
                "description": "An object, or a prefix that ends with a slash: s3://bucket/cur/BILLING_PERIOD=2026-06/.",
            },
            "name": {
                "type": "string", "maxLength": 100,
                "description": "Of a file that is sent: its name, which ends with .csv, .csv.gz or .parquet.",
            },
            "content": {"type": "string", "contentEncoding": "base64", "description": "The file, instead of a source."},
            "final_again": {
                "type": "boolean", "default": False, "description": "Replace a bill that had its invoice.",
            },
        },
    },
    example={"provider": "aws", "format": "cur2", "source": "s3://bills/cur/BILLING_PERIOD=2026-06/"},
)  # fmt: skip


def bill_json(row: ProviderBill) -> dict[str, Any]:
    """Return a provider's bill."""
    return {
        "id": str(row.id), "provider": row.provider, "payer": row.payer, "month": f"{row.month:%Y-%m}",
        "final": bool(row.invoice), "invoice": row.invoice, "currency": row.currency, "lines": row.lines,
        "unblended": plain(row.unblended.normalize()), "amortized": plain(row.amortized.normalize()),
        "imported_at": rfc3339(row.imported_at), "imported_by": row.imported_by,
    }  # fmt: skip


def bill_import_json(row: BillImport) -> dict[str, Any]:
    """Return a bill that somebody wants booked."""
    return {
        "id": str(row.id), "provider": row.provider, "format": row.file_format, "source": row.source, "state": row.state,
        "booked": row.booked, "fault": row.fault, "faults": row.faults, "bill": str(row.bill_id) if row.bill_id else None,
        "asked_by": row.asked_by, "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
    }  # fmt: skip
