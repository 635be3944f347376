"""The audit trail: every service that writes leaves one row here, in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from controlplane.tenants.access import Actor
from controlplane.tenants.models import AuditEvent


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
    AuditEvent.objects.create(
        tenant_id=tenant_id,
        actor=actor.name[:160],
        action=action,
        target_type=target_type,
        target_id=str(target_id),
        changes=dict(changes or {}),
        request_id=actor.request_id,
        address=actor.address,
    )
