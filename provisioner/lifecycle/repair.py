"""What is done about a cluster that was changed or removed behind our back; nobody asked for it, so the system does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.functions import TransactionNow as Now
from django.db import transaction

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Audience
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.suspension import refuse_suspended
from provisioner.drivers.base import CLUSTER_MISSING
from provisioner.operations.engine import Problem
from provisioner.operations.ledger import for_the_runtime
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot, State
from provisioner.operations.services import open_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import STANDING, Kind, Phase

CONDITION = "ClusterExists"  # True is healthy, as with every other condition
_MESSAGE = (
    "The landscape has no cluster {cluster} of this runtime any more: somebody deleted it, or took its owner label away. "
    "Restore it, then retry this operation; when the platform's team retries without that, the cluster is built anew, and empty."
)


@transaction.atomic
def mend_drift(*, runtime_id: UUID, fields: Sequence[str]) -> Operation | None:
    """Open the update that says the same wish again, or None unless the runtime is ready and nothing is open on it.

    Nothing is begun for a suspended tenant or account (Refused): what is still not as wanted is mended once it is resumed.
    """
    runtime = _standing(runtime_id, [Phase.READY])
    if runtime is None:
        return None
    refuse_suspended(runtime.tenant, runtime.account)
    reason = {"reason": "drift", "fields": list(fields)}
    operation = open_operation(actor=SYSTEM, runtime=runtime, kind=Kind.UPDATE, input=reason)
    _audit("runtime.mend", runtime, operation, reason)
    return operation


def mark_missing(*, runtime_ids: Sequence[UUID], untouched_since: datetime | None = None) -> list[UUID]:
    """Fail those of these runtimes, whose clusters are gone, that stand and have nothing open; return which.

    Whoever looked a while ago names that moment: what changed since is left alone. Nothing is built anew by itself: that would
    pass an empty cluster off as the one with the tenant's data. What is left is an operation that failed before it began, so
    that a person can retry it once they have decided.
    """
    if not runtime_ids:
        return []
    standing = Runtime.objects.present().filter(pk__in=runtime_ids, phase__in=sorted(STANDING))
    found = standing.order_by("pk").values_list("pk", flat=True)
    return [runtime_id for runtime_id in found if _mark_missing(runtime_id, untouched_since)]


@transaction.atomic
def _mark_missing(runtime_id: UUID, untouched_since: datetime | None) -> bool:
    runtime = _standing(runtime_id, sorted(STANDING))
    if runtime is None or (untouched_since and runtime.updated_at >= untouched_since):
        return False
    if runtime.cluster_spec.get("destroyed"):  # suspended by removing it
        return False
    reason = {"reason": CLUSTER_MISSING}
    # Tried again, a suspension ends at once; the update of a suspended runtime would call it ready.
    kind = Kind.SUSPEND if runtime.phase == Phase.SUSPENDED else Kind.UPDATE
    operation = open_operation(actor=SYSTEM, runtime=runtime, kind=kind, input=reason)
    message = _MESSAGE.format(cluster=runtime.cluster_name)
    Operation.objects.filter(pk=operation.pk, slot=Slot.ACTIVE, fence=0).update(
        state=State.FAILED,
        slot=None,
        finished_at=Now(),
        error_class="fatal",
        error_code=CLUSTER_MISSING,
        error_message=message,
        error_audience=Audience.SRE,
    )
    told = for_the_runtime(Problem("fatal", CLUSTER_MISSING, message.partition(" Restore ")[0], Audience.SRE))
    since = rfc3339(utcnow())
    condition = {"type": CONDITION, "status": "False", "message": told, "since": since}
    Runtime.objects.filter(pk=runtime.pk).update(
        phase=Phase.FAILED,
        message=told,
        status={**runtime.status, "conditions": [condition]},
        updated_at=Now(),
    )
    _audit("runtime.missing", runtime, operation, reason)
    return True


def _standing(runtime_id: UUID, phases: Sequence[str]) -> Runtime | None:
    """Lock the runtime, and return it when it is in one of these phases with nothing open."""
    rows = Runtime.objects.select_for_update(no_key=True, of=("self",)).present()
    rows = rows.select_related("tenant", "account")
    runtime: Runtime | None = rows.filter(pk=runtime_id, phase__in=phases).first()
    if runtime is None or Operation.objects.filter(runtime=runtime, slot__isnull=False).exists():
        return None
    return runtime


def _audit(action: str, runtime: Runtime, operation: Operation, reason: Mapping[str, object]) -> None:
    audit.record(
        action,
        actor=SYSTEM,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.pk,
        changes={**reason, "operation": str(operation.pk)},
    )
