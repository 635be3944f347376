"""Suspend a runtime: its cluster sleeps, or goes where its plan says so, until nothing holds it any more."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor, Permission
from provisioner.lifecycle.admission import locked_runtime, write
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot, State
from provisioner.operations.opening import supersede
from provisioner.operations.services import open_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase, Suspension


@transaction.atomic
def suspend_runtime(
    *, actor: Actor, runtime_id: Any, reason: str = "", expected_revision: int | None = None
) -> Operation:
    """Return the operation that suspends the runtime, or the one that did, and keep why.

    `reason` is a value of `Suspension`, the tenant's own wish unless given; those of the platform are the platform's to give.
    Whatever waits is superseded, and what a person paused is given up. Raises Refused.
    """
    why = suspension(reason)
    runtime = locked_runtime(
        actor=actor, permission=needed(actor, why), runtime_id=runtime_id, revision=expected_revision
    )
    refuse_deprovisioning(runtime)
    given = why in runtime.suspended_for
    if not given:
        runtime.suspended_for = sorted([*runtime.suspended_for, why.value])
    resting = _resting(runtime)
    if resting is not None:
        if not given:
            write(runtime, "suspended_for")
            told("runtime.suspend", actor, runtime, why)
        return resting
    runtime.cluster_spec = {**runtime.cluster_spec, **_rest(runtime)}
    runtime.generation += 1
    # Its capacity is free for others once it rests (`queries.CLOSE`): what is paused, cancelled or failed on the way still runs.
    write(runtime, "suspended_for", "cluster_spec", "generation")
    operation = open_operation(actor=actor, runtime=runtime, kind=Kind.SUSPEND, input={"reason": why.value})
    _give_up_paused(actor, runtime, operation)
    told("runtime.suspend", actor, runtime, why)
    return operation


def suspension(reason: str) -> Suspension:
    """Return the reason by its value; raises Refused for an unknown one."""
    known = [why.value for why in Suspension if why is not Suspension.QUOTA]  # that one is found, never given
    wanted = reason or Suspension.WISH.value
    if wanted not in known:
        raise Refused("reason_unknown", f"reason must be one of {', '.join(known)}.", field="reason")
    return Suspension(wanted)


def needed(actor: Actor, why: Suspension) -> Permission:
    """Return what the actor needs to give or take back a reason."""
    own = why is Suspension.WISH and actor != SYSTEM
    return Permission.SUSPEND if own else Permission.TENANT_SUSPEND


def refuse_deprovisioning(runtime: Runtime) -> None:
    """Raise Refused 409 for a runtime that is being deleted."""
    if Operation.objects.filter(runtime=runtime, kind=Kind.DEPROVISION, slot__isnull=False).exists():
        detail = f"Runtime {runtime.name} is being deleted; it can't be suspended or resumed any more."
        raise Refused("runtime_deprovisioning", detail, status=409)


def newest(runtime: Runtime, *kinds: Kind) -> Operation | None:
    """Return the newest operation of these kinds on the runtime (rides on operation_of_runtime)."""
    rows = Operation.objects.filter(runtime=runtime, kind__in=kinds).order_by("-id")
    operation: Operation | None = rows.first()
    if operation is not None:
        operation.runtime = runtime
    return operation


def told(action: str, actor: Actor, runtime: Runtime, why: Suspension) -> None:
    """Leave the audit row of a suspension, or of its end."""
    audit.record(
        action,
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes={"name": runtime.name, "reason": why.value, "suspended_for": runtime.suspended_for},
    )


def _resting(runtime: Runtime) -> Operation | None:
    """Return the operation that suspends the runtime now, or did for good; None when one is needed."""
    cluster = runtime.cluster_spec
    if not (cluster.get("hibernated") or cluster.get("destroyed")):
        return None
    last = newest(runtime, Kind.SUSPEND)
    if last is None or (last.slot is None and runtime.phase != Phase.SUSPENDED):
        return None
    return last


def _rest(runtime: Runtime) -> dict[str, bool]:
    """Return how its cluster is to rest: what never was ready holds nothing that sleep could keep."""
    gone = bool(runtime.cluster_spec.get("destroyed")) or not runtime.was_ready
    destroyed = gone or load_plan_facts(runtime.plan_id).suspension == "destroy"
    return {"hibernated": not destroyed, "destroyed": destroyed}


def _give_up_paused(actor: Actor, runtime: Runtime, operation: Operation) -> None:
    """Cancel what a person paused: a suspension must not wait for somebody to go on with something else."""
    if operation.slot != Slot.NEXT:
        return
    rows = Operation.objects.filter(runtime=runtime, slot=Slot.ACTIVE, state=State.PAUSED)
    paused = rows.exclude(kind=Kind.SUSPEND).first()
    if paused is not None and supersede(actor, paused, reason="superseded by suspend"):
        operation.refresh_from_db()
        operation.runtime = runtime
