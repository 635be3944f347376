"""Deprovision: whatever was built goes, whether it was finished, half built, failed or never there."""

from __future__ import annotations

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.osb.callers import Caller
from controlplane.osb.instances import Begun, bury, is_gone, latest, lock_instance, recorded
from controlplane.osb.models import BindingState, OsbBinding
from controlplane.osb.offer import check_service
from controlplane.osb.refusals import async_required
from provisioner.lifecycle.delete import delete_runtime


@transaction.atomic
def deprovision(*, caller: Caller, instance_id: str, service_id: str, asynchronous: bool) -> Begun:
    """Return the operation that removes the instance; asked again, the same one. Creating is halted, bindings end.

    Raises Refused: malformed_request 400, async_required 422, gone 410 for an id that is not there (any more).
    """
    check_service(service_id)
    if not asynchronous:
        raise async_required()
    lock_instance(caller, instance_id)
    row = latest(caller, instance_id)
    bury(row)
    if row is None or is_gone(row):
        raise gone()
    operation = delete_runtime(actor=caller.actor, runtime_id=row.runtime_id)
    if operation.pk != row.operation_id:
        row.operation, row.asked = operation, ""
        row.save(update_fields=["operation", "asked"])
        OsbBinding.objects.filter(instance=row).exclude(state=BindingState.GONE).update(
            state=BindingState.REVOKING, due_at=utcnow()
        )
        recorded("broker.deprovision", caller, row, runtime=str(row.runtime_id))
    return Begun(row, operation)


def gone() -> Refused:
    """What is asked to end has ended: 410, which platforms take for success."""
    return Refused("gone", "There is nothing left of it.", status=410)
