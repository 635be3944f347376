"""Change what is wanted of a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle.admission import locked_runtime, stale, write
from provisioner.lifecycle.naming import check_labels
from provisioner.lifecycle.quota import QUOTA_COLUMNS
from provisioner.lifecycle.wishing import wish
from provisioner.operations.models import Operation
from provisioner.operations.services import open_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind


@transaction.atomic
def update_runtime(
    *,
    actor: Actor,
    runtime_id: Any,
    parameters: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    plan: str = "",
    module_settings: Mapping[str, Mapping[str, Any]] | None = None,
    expected_revision: int | None = None,
    expected_generation: int | None = None,
) -> tuple[Runtime, Operation | None]:
    """Return the runtime and the operation that fulfils its new wish, or None when nothing needs to be done.

    Each top-level parameter given replaces the old one; labels are replaced as a whole; `plan` moves it to another plan of the
    same provider, as far as its size and place fit there; `module_settings` replaces those of the modules that it names.
    `expected_revision` guards the row as a whole, `expected_generation` only what is to be built. A suspended runtime's new wish
    is kept, and comes true when it is resumed. Raises Refused.
    """
    if labels is not None:
        check_labels(labels)
    runtime = locked_runtime(
        actor=actor, permission=Permission.UPDATE, runtime_id=runtime_id, revision=expected_revision
    )
    _refuse_unchangeable(runtime, expected_generation)
    moves = plan not in {"", runtime.plan_id}
    wishes = parameters or moves or module_settings
    wished = wish(runtime, parameters or {}, plan, module_settings or {}) if wishes else {}
    changes = _relabel(runtime, labels) | wished
    if not changes:
        return runtime, None
    write(runtime, "labels", "plan_id", "spec", "cluster_spec", "generation", *QUOTA_COLUMNS)
    begins = "parameters" in changes and not runtime.suspended_for
    operation = open_operation(actor=actor, runtime=runtime, kind=Kind.UPDATE) if begins else None
    _note(actor, runtime, changes)
    return runtime, operation


def _note(actor: Actor, runtime: Runtime, changes: dict[str, Any]) -> None:
    audit.record(
        "runtime.update",
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes=changes,
    )


def _refuse_unchangeable(runtime: Runtime, expected_generation: int | None) -> None:
    if expected_generation is not None and expected_generation != runtime.generation:
        raise stale(runtime)
    refuse_suspended(runtime.tenant, runtime.account)
    if Operation.objects.filter(runtime=runtime, kind=Kind.DEPROVISION, slot__isnull=False).exists():
        detail = f"Runtime {runtime.name} is being deleted; it can't be changed any more."
        raise Refused("runtime_deprovisioning", detail, status=409)


def _relabel(runtime: Runtime, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """Write the labels onto the row in memory and return what changed."""
    if labels is None or dict(labels) == runtime.labels:
        return {}
    before, runtime.labels = runtime.labels, dict(labels)
    return {"labels": {"before": before, "after": runtime.labels}}
