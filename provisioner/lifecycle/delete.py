"""Remove a runtime and everything that was built for it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from provisioner.lifecycle.admission import locked_runtime, write
from provisioner.operations.models import Operation
from provisioner.operations.services import open_operation
from provisioner.runtimes.phases import Kind


@transaction.atomic
def delete_runtime(*, actor: Actor, runtime_id: Any, expected_revision: int | None = None) -> Operation:
    """Return the operation that removes the runtime; asked again, the same one. Raises Refused.

    Whatever is under way is stopped first: a runtime deleted while it is being created is cleaned up.
    """
    runtime = locked_runtime(
        actor=actor, permission=Permission.DELETE, runtime_id=runtime_id, revision=expected_revision
    )
    under_way: Operation | None = Operation.objects.filter(
        runtime=runtime, kind=Kind.DEPROVISION, slot__isnull=False
    ).first()
    if under_way is not None:
        under_way.runtime = runtime
        return under_way
    runtime.generation += 1
    write(runtime, "generation")
    operation = open_operation(actor=actor, runtime=runtime, kind=Kind.DEPROVISION)
    audit.record(
        "runtime.delete",
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes={"name": runtime.name},
    )
    return operation
