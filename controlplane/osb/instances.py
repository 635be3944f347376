"""What every service asks of an instance: its row under a lock, its runtime, what is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from controlplane.kernel.clock import utcnow
from controlplane.osb import queries
from controlplane.osb.callers import Caller
from controlplane.osb.models import OsbInstance
from controlplane.tenants import audit
from provisioner.operations.fulfilled import was_whole
from provisioner.operations.models import Operation
from provisioner.operations.moves import OPEN
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import GONE


@dataclass(frozen=True)
class Begun:
    """What a request on an instance came to: an operation that goes on, or None when there is nothing to wait for."""

    instance: OsbInstance
    operation: Operation | None


def lock_instance(caller: Caller, instance_id: str) -> None:
    """Let nobody else work on this instance until commit."""
    with connection.cursor() as cursor:
        cursor.execute(queries.LOCK_INSTANCE, [f"osb:{caller.realm}:{instance_id}"])


def latest(caller: Caller, instance_id: str) -> OsbInstance | None:
    """Return the newest row of the id, tombstones included, with its runtime and operation."""
    rows = OsbInstance.objects.filter(realm=caller.realm, instance_id=instance_id)
    row: OsbInstance | None = rows.select_related("runtime", "operation").order_by("-id").first()
    return row


def present(caller: Caller, instance_id: str) -> OsbInstance | None:
    """Return the instance unless it is gone; one whose runtime somebody else deleted is gone too."""
    row = latest(caller, instance_id)
    return None if row is None or is_gone(row) else row


def is_gone(row: OsbInstance) -> bool:
    """Whether nothing of the instance is left."""
    return row.deleted_at is not None or row.runtime.phase in GONE


def bury(row: OsbInstance | None) -> None:
    """Turn a row whose runtime is gone into a tombstone, so that its id is free; under the instance's lock."""
    if row is not None and row.deleted_at is None and row.runtime.phase in GONE:
        OsbInstance.objects.filter(pk=row.pk, deleted_at=None).update(deleted_at=utcnow())


def was_ready(runtime: Runtime) -> bool:
    """Whether the runtime was ever finished: only then does a service instance exist for a platform.

    People can use a runtime before its provision ends, and that may still fail; a later wish that comes true makes up for it.
    """
    return runtime.was_ready and was_whole(runtime.pk)


def under_way(row: OsbInstance) -> Operation | None:
    """Return the operation that is open on the runtime, whoever began it; of two the newer one."""
    found: Operation | None = (
        Operation.objects.filter(runtime=row.runtime_id, slot__isnull=False).order_by("-id").first()
    )
    return found


def is_open(operation: Operation) -> bool:
    """Whether the operation goes on."""
    return operation.state in OPEN


def recorded(action: str, caller: Caller, row: OsbInstance, **changes: Any) -> None:
    """Leave the audit row of what a platform asked, beside the provisioner's own."""
    audit.record(
        action,
        actor=caller.actor,
        tenant_id=row.tenant_id,
        target_type="broker-instance",
        target_id=row.id,
        changes={
            "instance_id": row.instance_id,
            **({"request_identity": caller.request_identity} if caller.request_identity else {}),
            **changes,
        },
    )
