"""Last operation: how far it is, and what a failure means for the instance."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from controlplane.kernel.ids import parse_uuid
from controlplane.osb.callers import Caller
from controlplane.osb.deprovisioning import gone
from controlplane.osb.instances import is_gone, is_open, latest, was_ready
from controlplane.osb.models import OsbInstance
from controlplane.osb.refusals import not_found
from provisioner.operations.models import Operation
from provisioner.operations.moves import State
from provisioner.runtimes.phases import Kind

DOING = {Kind.PROVISION: "Creating", Kind.UPDATE: "Updating", Kind.DEPROVISION: "Deleting"}


def last_operation(*, caller: Caller, instance_id: str, token: str | None) -> tuple[dict[str, Any], bool]:
    """Return the state as platforms read it, and whether they should ask again.

    Raises Refused: not_found 404 for an id or an operation that never was, gone 410 once the instance is deleted, unless
    it is the delete that is asked about.
    """
    row = latest(caller, instance_id)
    if row is None:
        raise not_found("service instance")
    # A text that we never give out names no operation: some clients send a word of their own.
    known = parse_uuid(token or "")
    if is_gone(row):
        # Who deleted it hears how that ended; of anything else, that it is not there any more.
        if known in {None, row.operation_id} and row.operation.kind == Kind.DEPROVISION:
            return {"state": "succeeded", "description": "Deleting succeeded."}, False
        raise gone()
    operation = _named(row, known) if known else row.operation
    if operation.state == State.SUCCEEDED:
        return {"state": "succeeded", "description": f"{_doing(operation)} succeeded."}, False
    if is_open(operation):
        why = operation.reason or "under way"
        return {
            "state": "in progress",
            "description": f"{_doing(operation)}: {why} ({operation.progress} %).",
        }, True
    return _failed(row, operation), False


def _named(row: OsbInstance, known: UUID) -> Operation:
    operation = Operation.objects.filter(runtime=row.runtime_id, pk=known).first()
    if operation is None:
        raise not_found("operation of this service instance")
    # A delete halts what was under way, and speaks for it from then on.
    newest = row.operation
    halted = (
        operation.state == State.CANCELLED and newest.kind == Kind.DEPROVISION and newest.pk > operation.pk
    )
    return newest if halted else operation


def _failed(row: OsbInstance, operation: Operation) -> dict[str, Any]:
    if operation.state == State.CANCELLED:
        reason = operation.cancel_reason or "it was cancelled"
    elif operation.error_audience == "tenant":
        reason = operation.error_message
    else:
        reason = f"the platform's team has to look at operation {operation.pk}"
    answer: dict[str, Any] = {"state": "failed", "description": f"{_doing(operation)} failed: {reason}."}
    if operation.kind == Kind.DEPROVISION:
        answer["instance_usable"] = False
    elif was_ready(row.runtime) and operation.kind != Kind.PROVISION:
        answer |= {"instance_usable": True, "update_repeatable": operation.error_audience != "tenant"}
    return answer


def _doing(operation: Operation) -> str:
    return DOING.get(Kind(operation.kind), str(operation.kind).capitalize())
