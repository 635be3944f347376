"""How a new wish meets what is already open on its runtime.

One operation is active; one wish may wait behind it. A newer wish folds into the waiting one, and a delete sends both away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.functions import TransactionNow as Now
from django.db import connection, transaction
from django.db.models import Q

from controlplane.kernel.errors import Fatal, Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation import prepared
from provisioner.operations import flowbook, ledger, queries, transport
from provisioner.operations.models import COLUMNS, Operation
from provisioner.operations.moves import Slot, State
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase
from provisioner.steps.base import REBUILD

# Columns by name: while a deploy goes on, a newer release's are there already.
OPEN = f"{queries.OPEN} RETURNING {COLUMNS}"
SUPERSEDED = "superseded by delete"


@transaction.atomic(savepoint=False)
def open_operation(
    *,
    actor: Actor,
    runtime: Runtime,
    kind: Kind,
    input: Mapping[str, Any] | None = None,  # noqa: A002 - the row's word
) -> Operation:
    """Open the operation that fulfils the runtime's newest wish; the caller has checked who may, and writes the audit row.

    With another one active the new one waits as the next, and a later wish of the same kind folds into it, as does an update
    into a waiting resume or suspension. A delete cancels what waits and asks the active one to stop.
    Raises Refused when the runtime is being deleted, or no flow serves the kind.
    """
    given = dict(input or {})
    if kind is Kind.PROVISION:  # the runtime is as new: the constraint guards the rest
        return _insert(actor, runtime, kind, given, Slot.ACTIVE)
    Runtime.objects.select_for_update(no_key=True).filter(pk=runtime.pk).values_list("pk").get()
    # Locked, so that no worker's outcome comes between what is read here and what is decided from it.
    rows = Operation.objects.select_for_update(no_key=True).filter(runtime=runtime, slot__isnull=False)
    open_now = {o.slot: o for o in rows.order_by("id")}
    active, waiting = open_now.get(Slot.ACTIVE), open_now.get(Slot.NEXT)
    if kind is Kind.DEPROVISION:
        return _open_delete(actor, runtime, given, active, waiting)
    return _open_change(actor, runtime, kind, given, active, waiting)


def _open_change(
    actor: Actor,
    runtime: Runtime,
    kind: Kind,
    given: dict[str, Any],
    active: Operation | None,
    waiting: Operation | None,
) -> Operation:
    if any(o is not None and o.kind == Kind.DEPROVISION for o in (active, waiting)):
        detail = f"{runtime.name} is being deleted and can't be changed any more."
        raise Refused("runtime_deprovisioning", detail, status=409)
    given = _with_consent(runtime, given)
    if active is None and waiting is None:
        builds = kind is Kind.UPDATE and not runtime.was_ready
        return _insert(actor, runtime, Kind.PROVISION if builds else kind, given, Slot.ACTIVE)
    if waiting is not None and waiting.kind == kind:
        return _fold(actor, runtime, waiting, given)
    if waiting is not None and waiting.kind == Kind.RESUME and kind is Kind.UPDATE:
        # The resume applies the newest wish anyhow; an update in its place would not wake or build the cluster.
        return _fold(actor, runtime, waiting, {**given, **waiting.input})
    if waiting is not None and waiting.kind == Kind.SUSPEND and kind is Kind.UPDATE:
        return waiting  # only a resume takes a suspension back, and it applies the newest wish
    if waiting is not None:
        _drop(actor, waiting, f"superseded by {kind.value}")
    if active is not None and active.background:
        with connection.cursor() as cursor:
            cursor.execute(queries.BRING_FORWARD, {"id": active.pk, "tenant_id": active.tenant_id})
    return _insert(actor, runtime, kind, given, Slot.NEXT)


def _with_consent(runtime: Runtime, given: dict[str, Any]) -> dict[str, Any]:
    """Return the input: what the last operation was to build and did not, the next one may build in its place.

    That holds for one that failed, was cancelled or still waits; and for a suspension, which never builds and hands it on.
    One under way hands its consent on when it ends (`queries.CLOSE`). A wish that was given up before it began is looked past,
    unless it held consent of its own.
    """
    rows = Operation.objects.filter(runtime=runtime).order_by("-id")
    given_up = Q(state=State.CANCELLED, started_at__isnull=True) & ~Q(input__has_key=REBUILD)
    newest = rows.exclude(given_up).first()
    if newest is None or not newest.input.get(REBUILD):
        return given
    builds = newest.kind != Kind.SUSPEND and (newest.state == State.SUCCEEDED or newest.slot == Slot.ACTIVE)
    return given if builds else {**given, REBUILD: True}


def _open_delete(
    actor: Actor, runtime: Runtime, given: dict[str, Any], active: Operation | None, waiting: Operation | None
) -> Operation:
    for operation in (active, waiting):
        if operation is not None and operation.kind == Kind.DEPROVISION:
            return operation
    if waiting is not None:
        _drop(actor, waiting, SUPERSEDED)
    if active is None:
        return _insert(actor, runtime, Kind.DEPROVISION, given, Slot.ACTIVE)
    operation = _insert(actor, runtime, Kind.DEPROVISION, given, Slot.NEXT)
    if supersede(actor, active, reason=SUPERSEDED):
        operation.refresh_from_db()
    return operation


def supersede(actor: Actor, active: Operation, *, reason: str) -> bool:
    """Ask an active operation to stop because of a newer wish, and leave the audit row of that; see `ask_to_cancel`."""
    if active.cancel_requested_at is None:
        _audit_cancel(actor, active, reason)
    return ask_to_cancel(active, reason=reason)


def ask_to_cancel(active: Operation, *, reason: str) -> bool:
    """Cancel an active operation at once when nobody holds it (True), else ask its worker to stop behind the current step.

    Waiting for the step keeps a create that is on its way from landing behind a delete's back. The caller holds the
    runtime's lock.
    """
    leaves = Phase.FAILED if active.fence or active.kind == Kind.PROVISION else None
    closed = ledger.cancel(
        operation_id=active.id,
        runtime_id=active.runtime_id,
        fence=None,
        attempts=active.attempts,
        step=active.step,
        reason=reason,
        leaves=leaves,
    )
    if closed is None:
        Operation.objects.filter(pk=active.pk, slot=Slot.ACTIVE, cancel_requested_at__isnull=True).update(
            cancel_requested_at=Now(), cancel_reason=reason
        )
        return False
    if closed.promoted is not None:
        transport.send_on_commit(closed.promoted)
    return True


def _fold(actor: Actor, runtime: Runtime, waiting: Operation, given: dict[str, Any]) -> Operation:
    Operation.objects.filter(pk=waiting.pk, slot=Slot.NEXT).update(
        generation=runtime.generation, input=given, requested_by=actor.name[:160], request_id=actor.request_id
    )
    waiting.refresh_from_db()
    return waiting


def cancel_waiting(waiting: Operation, reason: str) -> None:
    """Cancel a wish that never began: its runtime stays as it is."""
    Operation.objects.filter(pk=waiting.pk, slot=Slot.NEXT).update(
        state=State.CANCELLED, slot=None, finished_at=Now(), cancel_reason=reason[:300]
    )


def _drop(actor: Actor, waiting: Operation, reason: str) -> None:
    cancel_waiting(waiting, reason)
    _audit_cancel(actor, waiting, reason)


def _audit_cancel(actor: Actor, operation: Operation, reason: str) -> None:
    audit.record(
        "operation.cancel",
        actor=actor,
        tenant_id=operation.tenant_id,
        target_type="operation",
        target_id=operation.id,
        changes={"reason": reason},
    )


def stored(row: dict[str, Any]) -> Operation:
    """Return the operation of a row as PostgreSQL returned it."""
    for name in ("input", "kept", "steps_done"):
        row[name] = json.loads(row[name])
    operation = Operation(**row)
    operation._state.adding, operation._state.db = False, connection.alias  # noqa: SLF001 - Django's own way to say: stored
    return operation


def _insert(actor: Actor, runtime: Runtime, kind: Kind, given: dict[str, Any], slot: Slot) -> Operation:
    try:
        flow = flowbook.flow_of(kind.value)
    except Fatal as unknown:
        raise Refused(unknown.code, str(unknown)) from unknown
    params: dict[str, Any] = {
        "id": uuid7(),
        "tenant_id": runtime.tenant_id,
        "runtime_id": runtime.id,
        "landscape_id": runtime.landscape_id,
        "kind": kind.value,
        "generation": runtime.generation,
        "input": json.dumps(given),
        "requested_by": actor.name[:160],
        "request_id": actor.request_id[:64],
        "slot": slot.value,
        "step": flow.steps[0].name,
        "within": flow.deadline,
    }
    (row,) = prepared.rows(OPEN, params)
    operation = stored(row)
    operation.runtime = runtime
    if slot is Slot.ACTIVE:
        transport.send_on_commit(operation.id)
    return operation
