"""Skipping the step that an operation stands at: whether that can be done, and doing it."""

from __future__ import annotations

from typing import Any

from django.db import connection

from controlplane.kernel.errors import Refused
from provisioner.operations import engine, flowbook, ledger, queries, transport
from provisioner.operations.models import Operation
from provisioner.operations.moves import State
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Step


def unskippable(operation: Operation) -> str:
    """Return why the step that an operation stands at can't be skipped; nothing where it can."""
    step = _step(operation.kind, operation.step)
    if step is None or not step.skip_refusal:
        return ""
    if step.skip_needs is not None and operation.runtime.status.get("situation") == step.skip_needs:
        return ""
    return step.skip_refusal + _what_then(operation, step)


def refuse_unskippable(operation: Operation) -> None:
    """Raise Refused 409 (step_not_skippable) where the step that an operation stands at can't be skipped."""
    if refusal := unskippable(operation):
        raise Refused("step_not_skippable", refusal, status=409)


def skip(operation: Operation, *, reason: str) -> bool:
    """Move an operation that nobody holds behind its step; False when a worker holds it."""
    flow = flowbook.flow_of(operation.kind)
    names = flow.names()
    position = names.index(operation.step) + 1 if operation.step in names else 0
    if position == len(names):
        return _finish(operation, reason)
    params: dict[str, Any] = {
        "id": operation.pk,
        "skipped": operation.step,
        "step": names[position],
        "reason": reason[:1000],
        "progress": engine.percent(flow, names[position]),
    }
    with connection.cursor() as cursor:
        cursor.execute(queries.SKIP, params)
        moved = bool(cursor.rowcount == 1)
    if moved:
        transport.send_on_commit(operation.pk)
    return moved


def _finish(operation: Operation, reason: str) -> bool:
    closed = ledger.finish_skipped(
        operation_id=operation.pk,
        runtime_id=operation.runtime_id,
        kind=Kind(operation.kind),
        step=operation.step,
        reason=reason,
    )
    if closed and closed.promoted:
        transport.send_on_commit(closed.promoted)
    return closed is not None


def _step(kind: str, name: str) -> Step | None:
    flow = flowbook.all_flows().get(kind)
    return next((step for step in flow.steps if step.name == name), None) if flow else None


def _what_then(operation: Operation, step: Step) -> str:
    if operation.state != State.FAILED:
        return ""
    if (again := _step(operation.kind, step.retry_from)) is not None:
        return f" Retry it; it begins again at “{again.title}”."
    return " Nothing runs now, for the operation has failed: mend its cause, then retry it."
