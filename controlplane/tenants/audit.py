"""The audit trail: every service that writes leaves one row here, in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import Actor
from controlplane.tenants.queries import LEAVE_AUDIT_ROW


def record(
    action: str,
    *,
    actor: Actor,
    tenant_id: UUID | None,
    target_type: str,
    target_id: object,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write who did what to which row; `changes` holds JSON values and never a secret."""
    row: list[Any] = [
        uuid7(),
        tenant_id,
        actor.name[:160],
        action,
        target_type,
        str(target_id),
        Jsonb(dict(changes or {})),
        actor.request_id,
        actor.address,
    ]
    with connection.cursor() as cursor:
        cursor.execute(LEAVE_AUDIT_ROW, row)
