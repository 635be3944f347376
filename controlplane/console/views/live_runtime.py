"""What the pages of a runtime and of an operation show live."""

from __future__ import annotations

from typing import Any

from controlplane.catalog.facts import load_plan_facts
from controlplane.console.presenters import conditions, runtime_rows
from controlplane.console.presenters.findings import finding_lines
from controlplane.console.presenters.modules import module_lines
from controlplane.console.presenters.timeline import step_views, where
from controlplane.console.visitor import Visitor
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Permission
from provisioner.findings.reading import standing_of
from provisioner.landscapes.freshness import silent_since
from provisioner.lifecycle.module_reading import modules_of
from provisioner.lifecycle.resume import held_by
from provisioner.operations.models import Operation
from provisioner.operations.moves import OPEN, Slot, State
from provisioner.operations.skipping import unskippable
from provisioner.operations.timeline import attempts_of, timeline
from provisioner.operations.timing import usual_seconds
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase, Suspension

HISTORY = 10
POLL_SECONDS_OPEN = 1
POLL_SECONDS_SETTLED = 1  # health may change at any moment; what did not change is not drawn again


def runtime_context(visitor: Visitor, runtime: Runtime) -> dict[str, Any]:
    """Everything about one runtime that moves; eight statements beyond the row itself, three of them for findings."""
    history = list(runtime.operations.order_by("-id")[: HISTORY + 1])
    current = next((row for row in history if row.slot == Slot.ACTIVE), None) or _blamed(runtime, history)
    waiting = next((row for row in history if row.slot == Slot.NEXT), None)
    stays = runtime.phase not in {Phase.DEPROVISIONING, Phase.DEPROVISIONED}
    return {
        "runtime": runtime,
        "module_lines": module_lines(modules_of(runtime), load_plan_facts(runtime.plan_id)),
        "findings": finding_lines(standing_of(runtime)),
        "may_look": stays and visitor.may(Permission.UPGRADE, runtime.tenant),
        "may_change_modules": stays and visitor.may(Permission.UPDATE, runtime.tenant),
        "kubernetes": runtime_rows.kubernetes_version(runtime),
        "conditions": conditions.conditions(runtime.status),
        "unheard_since": silent_since(runtime.landscape, utcnow()),
        "history": history[:HISTORY],
        "more_history": len(history) > HISTORY,
        "waiting": waiting,
        "held_by": held_by(runtime),
        "gone": runtime.phase == Phase.DEPROVISIONED,
        "removed_by": next((row for row in history if row.kind == Kind.DEPROVISION), None),
        "poll_seconds": POLL_SECONDS_OPEN if current and current.state in OPEN else POLL_SECONDS_SETTLED,
        **(operation_context(visitor, current, with_attempts=False) if current else {}),
    }


def _blamed(runtime: Runtime, history: list[Operation]) -> Operation | None:
    """The operation that left the runtime as failed as it is."""
    if runtime.phase != Phase.FAILED:
        return None
    return next((row for row in history if row.state in (State.FAILED, State.CANCELLED)), None)


def operation_context(
    visitor: Visitor, operation: Operation, *, with_attempts: bool = True
) -> dict[str, Any]:
    """The timeline of one operation and what this person may do about it."""
    attempts = attempts_of(operation) if with_attempts else []
    steps = step_views(timeline(operation, attempts, usual_seconds(operation)))
    return {
        "operation": operation,
        "steps": steps,
        "where": where(steps),
        "is_open": operation.state in OPEN,
        "controls": controls(visitor, operation),
        "poll_seconds": POLL_SECONDS_OPEN if operation.state in OPEN else POLL_SECONDS_SETTLED,
    }


def controls(visitor: Visitor, operation: Operation) -> list[str]:
    """The verbs that this person may use now, in the order of their buttons; none that would be refused for what it is."""
    actor, tenant_id = visitor.actor, operation.tenant_id
    if not actor.may(Permission.OPERATE, tenant_id=tenant_id):
        return []
    state = State(operation.state)
    verbs = []
    held = operation.kind == Kind.SUSPEND and set(operation.runtime.suspended_for) - {Suspension.WISH}
    stoppable = state in OPEN and (not held or actor.sees_every_tenant)
    active = operation.slot == Slot.ACTIVE
    if stoppable and active and state is not State.PAUSED and not operation.pause_requested_at:
        verbs.append("pause")
    if state is State.PAUSED or (state in OPEN and operation.pause_requested_at):
        verbs.append("resume")
    if state is State.FAILED:
        verbs.append("retry")
    skips = (active or state is State.FAILED) and actor.may(Permission.SKIP, tenant_id=tenant_id)
    if skips and not unskippable(operation):
        verbs.append("skip")
    begun_removal = operation.kind == Kind.DEPROVISION and active and operation.fence
    if stoppable and not begun_removal and not operation.cancel_requested_at:
        verbs.append("cancel")
    return verbs
