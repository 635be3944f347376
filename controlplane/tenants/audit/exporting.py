"""Writes rows of the trail as JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from controlplane.kernel.clock import rfc3339
from controlplane.tenants.models import AuditEvent


def as_json(row: AuditEvent) -> dict[str, Any]:
    """Return one row as the API and exports show it; reads `tenant` of the row."""
    return {
        "id": str(row.id),
        "at": rfc3339(row.at),
        "tenant": row.tenant.slug if row.tenant else None,
        "actor": row.actor,
        "on_behalf_of": row.on_behalf_of,
        "action": row.action,
        "outcome": row.outcome,
        "target": {"type": row.target_type, "id": row.target_id},
        "changes": row.changes,
        "request_id": row.request_id,
        "address": row.address,
    }


def json_lines(rows: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield one line for each row."""
    for row in rows:
        yield json.dumps(as_json(row), separators=(",", ":"), ensure_ascii=False) + "\n"
