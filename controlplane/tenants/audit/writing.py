"""Every service that writes leaves one row here, in its own transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from controlplane.kernel.ids import uuid7
from controlplane.kernel.redaction import may_hold_secrets, redact_values
from controlplane.tenants.access import Actor
from controlplane.tenants.audit.queries import LEAVE_ROW, LEAVE_ROWS
from controlplane.tenants.isolation import prepared

DONE, DENIED = "done", "denied"
TEXTS = {"actor": 160, "action": 64, "target_type": 32, "target_id": 64, "request_id": 64, "address": 64}


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done to one of many."""

    tenant_id: UUID | None
    target_id: object
    changes: Mapping[str, Any]


def record(
    action: str,
    *,
    actor: Actor,
    tenant_id: UUID | None,
    target_type: str,
    target_id: object,
    changes: Mapping[str, Any] | None = None,
    outcome: str = DONE,
) -> None:
    """Write who did what to which row; what changed stands in `changes` as {field: {"before": …, "after": …}}.

    Facts without a before stand there as they are. Secrets are masked, whatever the caller thought of them.
    """
    row: list[Any] = [
        uuid7(),
        tenant_id,
        _cut("actor", actor.name),
        _cut("actor", actor.on_behalf_of),
        _cut("action", action),
        _cut("target_type", target_type),
        _cut("target_id", str(target_id)),
        _masked(changes or {}),
        _cut("request_id", actor.request_id),
        _cut("address", actor.address),
        outcome,
    ]
    prepared.rows(LEAVE_ROW, row)


def record_each(action: str, *, actor: Actor, target_type: str, entries: Sequence[Entry]) -> None:
    """Write one row for each of many to which the same was done, in one statement; as `record` does otherwise."""
    if not entries:
        return
    values: dict[str, Any] = {
        "ids": [uuid7() for _ in entries],
        "tenants": [entry.tenant_id for entry in entries],
        "targets": [_cut("target_id", str(entry.target_id)) for entry in entries],
        "changes": [_masked(entry.changes) for entry in entries],
        "actor": _cut("actor", actor.name),
        "on_behalf_of": _cut("actor", actor.on_behalf_of),
        "action": _cut("action", action),
        "target_type": _cut("target_type", target_type),
        "request_id": _cut("request_id", actor.request_id),
        "address": _cut("address", actor.address),
        "outcome": DONE,
    }
    with connection.cursor() as cursor:
        cursor.execute(LEAVE_ROWS, values)


def _cut(name: str, text: str) -> str:
    return text.replace("\0", "")[: TEXTS[name]]


def _masked(changes: Mapping[str, Any]) -> str:
    """Return the JSON with every secret masked; almost always a glance at the whole text tells that there is none."""
    text = json.dumps(changes, cls=DjangoJSONEncoder, separators=(",", ":"), ensure_ascii=False)
    text = text.replace("\\u0000", "")
    if not may_hold_secrets(text):
        return text
    return json.dumps(redact_values(json.loads(text)))
