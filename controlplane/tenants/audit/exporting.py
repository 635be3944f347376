"""Writes rows of the trail as JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from controlplane.kernel.clock import rfc3339
from controlplane.tenants.access import Actor
from controlplane.tenants.audit.reading import Search, bounded, require_audit, stream
from controlplane.tenants.audit.writing import record
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


def begin_export(actor: Actor, search: Search) -> Iterator[str]:
    """Return the lines of a period, and leave a row that says who took them; raises Refused before the first line."""
    require_audit(actor)
    search = bounded(search)
    told = {name: str(value) for name, value in asdict(search).items() if value}
    record(
        "audit.export",
        actor=actor,
        tenant_id=actor.tenant_id,
        target_type="audit",
        target_id=search.tenant or actor.tenant_id or "all",
        changes=told,
    )
    return json_lines(stream(actor, search))


def json_lines(rows: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield one line for each row."""
    for row in rows:
        yield json.dumps(as_json(row), separators=(",", ":"), ensure_ascii=False) + "\n"
