"""What people do to operations: open, pause, resume, retry, cancel, skip a step; and the observer's wake-up call.

Each is one transaction that leaves an audit row. State moves by an UPDATE guarded by the state that allows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.postgres.functions import TransactionNow as Now
from django.db import connection, transaction
from django.db.models import F, Q

from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from provisioner.drivers.base import CLUSTER_MISSING, Situation
from provisioner.operations import flowbook, queries, skipping, sweeping, transport
from provisioner.operations.models import Operation
from provisioner.operations.moves import OPEN, Slot, State
from provisioner.operations.opening import ask_to_cancel, cancel_waiting, open_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase, Suspension
from provisioner.steps.base import REBUILD

__all__ = [
    "cancel_operation",
    "open_operation",
    "pause_operation",
    "refuse_missing",
    "resume_operation",
    "retry_operation",
    "skip_step",
    "wake",
]

FREE = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())


@transaction.atomic
def pause_operation(*, actor: Actor, operation_id: UUID, reason: str = "") -> Operation:
    """Stop before the next step, and the clocks of its deadlines with it; a step that runs now is let finish."""
    operation = _controlled(actor, operation_id)
    _refuse_closed(operation)
    _refuse_freeing(actor, operation)
    if operation.state == State.PAUSED or operation.pause_requested_at:
        raise Refused("operation_paused", "The operation is paused already.", status=409)
    if operation.slot != Slot.ACTIVE:
        raise Refused(
            "operation_not_active",
            "The operation waits behind another one: pause or cancel that one.",
            status=409,
        )
    row = Operation.objects.filter(pk=operation.pk, slot=Slot.ACTIVE)
    words = f"Paused by {actor.name}" + (f": {reason}" if reason else ".")
    stopped = row.filter(FREE, state__in=[State.QUEUED, State.RUNNING, State.WAITING]).update(
        state=State.PAUSED, pause_requested_at=Now(), lease_until=None, attempts=0, reason=words[:500]
    )
    if not stopped:
        row.filter(state=State.RUNNING).update(pause_requested_at=Now())
    return _audited("operation.pause", actor, operation, reason)


@transaction.atomic
def resume_operation(*, actor: Actor, operation_id: UUID, reason: str = "") -> Operation:
    """Go on where a pause stopped, with as much time left as there was then."""
    operation = _continued(actor, operation_id, Permission.OPERATE)
    _refuse_closed(operation)
    if not operation.pause_requested_at:
        raise Refused("operation_not_paused", "The operation is not paused.", status=409)
    row = Operation.objects.filter(pk=operation.pk, pause_requested_at__isnull=False)
    paused_for = Now() - F("pause_requested_at")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {queries.PLACE}", {"tenant_id": operation.tenant_id})
        share = cursor.fetchone()[0]
    resumed = row.filter(state=State.PAUSED).update(
        state=State.RUNNING if operation.started_at else State.QUEUED,
        deadline=F("deadline") + paused_for,
        step_deadline=F("step_deadline") + paused_for,
        pause_requested_at=None,
        due_at=Now(),
        share=share,
        reason="",
    )
    if not resumed:
        row.filter(state=State.RUNNING).update(pause_requested_at=None)
    transport.send_on_commit(operation.pk)
    return _audited("operation.resume", actor, operation, reason)


@transaction.atomic
def retry_operation(*, actor: Actor, operation_id: UUID, reason: str = "") -> Operation:
    """Run a failed operation's step again, with fresh attempts and a fresh deadline.

    Where the cluster is gone, the platform's team has it built anew by that; a tenant's people are refused (cluster_missing).
    """
    operation = _continued(actor, operation_id, Permission.OPERATE)
    missing = (
        operation.error_code == CLUSTER_MISSING and operation.kind != Kind.SUSPEND
    )  # which needs no cluster
    rebuilds = missing and actor.may(Permission.SKIP, tenant_id=operation.tenant_id)
    if missing and not rebuilds:
        refuse_missing(operation.runtime)
    _reopen(operation, step=flowbook.begins_again_at(operation.kind, operation.step))
    if rebuilds:
        Operation.objects.filter(pk=operation.pk).update(input={**operation.input, REBUILD: True})
    return _audited("operation.retry", actor, operation, reason, **({REBUILD: "true"} if rebuilds else {}))


def refuse_missing(runtime: Runtime) -> None:
    """Raise Refused 409 (cluster_missing) while the runtime has lost its cluster; deleting it stays possible."""
    if runtime.phase != Phase.FAILED:
        return
    newest = Operation.objects.filter(runtime=runtime).order_by("-id").first()
    if newest is None or newest.state != State.FAILED or newest.error_code != CLUSTER_MISSING:
        return
    seen_since = bool(runtime.status_at and newest.finished_at and runtime.status_at > newest.finished_at)
    if not (seen_since and runtime.status.get("situation") != Situation.ABSENT):
        detail = (
            f"Runtime {runtime.name} has no cluster any more, and nothing is built in its place unasked: the new one would be "
            "empty. Contact support to have it restored or built anew, or delete the runtime."
        )
        raise Refused(CLUSTER_MISSING, detail, status=409)


@transaction.atomic
def cancel_operation(*, actor: Actor, operation_id: UUID, reason: str = "") -> Operation:
    """Give an operation up: at once when no worker holds it, else as soon as its step ends.

    What is half built stays until somebody deletes the runtime. A delete that has begun can't be cancelled.
    """
    operation = _controlled(actor, operation_id)
    _refuse_closed(operation)
    _refuse_freeing(actor, operation)
    words = (f"cancelled by {actor.name}" + (f": {reason}" if reason else ""))[:300]
    if operation.slot == Slot.NEXT:
        cancel_waiting(operation, words)
    elif operation.kind == Kind.DEPROVISION and operation.fence:
        raise Refused("operation_not_cancellable", "A delete that has begun can't be cancelled.", status=409)
    elif operation.cancel_requested_at is None:
        ask_to_cancel(operation, reason=words)
    return _audited("operation.cancel", actor, operation, reason)


@transaction.atomic
def skip_step(*, actor: Actor, operation_id: UUID, reason: str, step: str = "") -> Operation:
    """Take the current step as done though it is not, for a reason that is kept; not while a worker runs it.

    Who names the `step` that they saw is refused when the operation has gone on since.
    """
    operation = _continued(actor, operation_id, Permission.SKIP)
    if not reason.strip():
        raise Refused("reason_missing", "Say why the step may be skipped.", field="reason")
    if operation.slot == Slot.NEXT or operation.state in {State.SUCCEEDED, State.CANCELLED}:
        raise Refused(
            "operation_not_active",
            "Only an operation at work, or a failed one, has a step to skip.",
            status=409,
        )
    skipped = operation.step
    if step and step != skipped:
        raise Refused("step_changed", "The operation stands at another step by now: look again.", status=409)
    skipping.refuse_unskippable(operation)
    if operation.state == State.FAILED:
        _reopen(operation, step=skipped)
    if not skipping.skip(operation, reason=reason):
        raise Refused(
            "operation_busy",
            "A worker runs the step now. Pause the operation, then skip the step.",
            status=409,
        )
    return _audited("operation.skip", actor, operation, reason, step=skipped)


def wake(*, runtime_ids: Sequence[UUID]) -> int:
    """Let operations that wait for these runtimes' landscape look again at once; return how many did wait."""
    return sweeping.end_waits_of(list(runtime_ids)) if runtime_ids else 0


def _controlled(actor: Actor, operation_id: UUID, permission: Permission = Permission.OPERATE) -> Operation:
    """Return the operation, its runtime locked first, if the actor may; another tenant's does not exist."""
    found = Operation.objects.filter(pk=operation_id).values_list("tenant_id", "runtime_id").first()
    if found is None or not actor.may(Permission.READ, tenant_id=found[0]):
        raise Refused("operation_not_found", f"There is no operation {operation_id}.", status=404)
    if not actor.may(permission, tenant_id=found[0]):
        raise Refused("forbidden", "Your role may not do this to operations.", status=403)
    Runtime.objects.select_for_update(no_key=True).filter(pk=found[1]).values_list("pk").get()
    # The operation too: a worker that writes its outcome in the meantime would slip between our guards.
    rows = Operation.objects.select_for_update(no_key=True, of=("self",))
    operation: Operation = rows.select_related("runtime__tenant", "runtime__account").get(pk=operation_id)
    return operation


def _continued(actor: Actor, operation_id: UUID, permission: Permission) -> Operation:
    """Return the operation, locked, if its work may go on: a suspended tenant's or account's only towards rest or end."""
    operation = _controlled(actor, operation_id, permission)
    if operation.kind not in {Kind.DEPROVISION, Kind.SUSPEND}:
        refuse_suspended(operation.runtime.tenant, operation.runtime.account)
    return operation


def _refuse_closed(operation: Operation) -> None:
    if operation.state not in OPEN:
        raise Refused("operation_closed", f"The operation has ended: it {operation.state}.", status=409)


def _refuse_freeing(actor: Actor, operation: Operation) -> None:
    """Refuse that people of a tenant stop a suspension which is not of their own wish."""
    held = set(operation.runtime.suspended_for) - {Suspension.WISH, Suspension.QUOTA}
    if operation.kind == Kind.SUSPEND and held and not actor.sees_every_tenant:
        detail = "This suspension is not only your own wish; it can't be stopped. Contact support."
        raise Refused("operation_not_cancellable", detail, status=409)


def _reopen(operation: Operation, *, step: str) -> None:
    """Make a failed operation active again, if nothing newer has happened to its runtime."""
    if operation.state != State.FAILED:
        raise Refused(
            "operation_not_failed",
            f"Only a failed operation can be retried: it is {operation.state}.",
            status=409,
        )
    newest = (
        Operation.objects.filter(runtime=operation.runtime_id)
        .order_by("-id")
        .values_list("pk", flat=True)
        .first()
    )
    if newest != operation.pk:
        raise Refused(
            "operation_superseded", "A newer operation of this runtime has taken its place.", status=409
        )
    params: dict[str, Any] = {
        "id": operation.pk,
        "tenant_id": operation.tenant_id,
        "within": flowbook.flow_of(operation.kind).deadline,
        "step": step,
    }
    with connection.cursor() as cursor:
        cursor.execute(queries.REOPEN, params)
        if cursor.rowcount != 1:
            raise Refused("operation_not_failed", "Somebody else has just retried it.", status=409)
    transport.send_on_commit(operation.pk)


def _audited(action: str, actor: Actor, operation: Operation, reason: str, **changes: str) -> Operation:
    audit.record(
        action,
        actor=actor,
        tenant_id=operation.tenant_id,
        target_type="operation",
        target_id=operation.pk,
        changes={**changes, **({"reason": reason} if reason else {})},
    )
    operation.refresh_from_db()
    return operation
