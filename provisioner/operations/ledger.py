"""What a worker reads and writes of an operation: claim, checkpoint, close; each one statement."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.kernel.errors import Audience
from controlplane.tenants.isolation import prepared
from provisioner.operations import flowbook, queries
from provisioner.operations.claimed import Claimed, claimed
from provisioner.operations.engine import Change, Problem
from provisioner.operations.moves import State
from provisioner.runtimes.phases import PHASES_OF, Kind, Phase

_DURING = json.dumps({kind.value: phases.during.value for kind, phases in PHASES_OF.items()})
BEHIND_FIRST, KEPT_WAITING = 8, timedelta(seconds=30)
RUSH_WISHES = 8  # that came within the last two seconds: the background rests, until it was kept waiting
BEHIND = "The runtime can be used; what is left goes on behind the work for those that can't be yet."
_turns = itertools.count(1)
_MESSAGE, _REASON, _RUNTIME_MESSAGE = 1000, 500, 500  # characters that the columns hold


@dataclass(frozen=True)
class Closed:
    """An operation that this write ended, and the wish behind it that it started."""

    promoted: UUID | None


def claim() -> Claimed | None:
    """Take the fairest due operation, or None when nothing is due.

    What goes on in the background comes when nothing else is due, and in a rush not even then: the next wish comes right away,
    and its people would wait for a processor that is in the middle of somebody's modules. What was kept waiting comes all the
    same, and one claim in eight looks for that first, so that a fleet that is never idle does not starve it.
    """
    kept_waiting = next(_turns) % BEHIND_FIRST == 0
    return (_claim_behind(KEPT_WAITING) if kept_waiting else None) or _claim() or _claim_behind(timedelta(0))


def _claim() -> Claimed | None:
    found = prepared.rows(queries.CLAIM, {"during": _DURING, "lease": _lease()})
    return claimed(found[0]) if found else None


def _claim_behind(late: timedelta) -> Claimed | None:
    rush = {"late": late, "rush": RUSH_WISHES, "kept_waiting": KEPT_WAITING}
    found = prepared.rows(queries.CLAIM_BEHIND, {"during": _DURING, "lease": _lease(), **rush})
    return claimed(found[0]) if found else None


def settle(held: Claimed, change: Change) -> State | None:
    """Write that people can use the runtime, and let go of what is left; None for a lost lease, or when a wish waits behind."""
    params = {
        **_attempt(held, change),
        "id": held.id,
        "runtime_id": held.runtime_id,
        "fence": held.fence,
        "generation": held.generation,
        "stored": held.stored_step,
        "step": change.step,
        "progress": change.progress,
        "reason": BEHIND,
        "within": flowbook.flow_of(held.kind.value).deadline,
        "phase": PHASES_OF[held.kind].succeeded.value,
    }
    found = prepared.rows(queries.SETTLE, params)
    return State(found[0]["state"]) if found else None


def write(held: Claimed, change: Change) -> Claimed | State | None:
    """Write the outcome of a step that ends nothing: as `settle` where people can use the runtime now, else as `checkpoint`."""
    return (settle(held, change) if change.settles else None) or checkpoint(held, change)


def checkpoint(held: Claimed, change: Change) -> Claimed | State | None:
    """Write a step's outcome: the operation as it runs on in our hand, the state it rests in, or None for a lost lease."""
    params = {
        **_attempt(held, change),
        **_problem(change.problem),
        **_onward(change),
        "id": held.id,
        "fence": held.fence,
        "wakes": held.wakes,
        "stored": held.stored_step,
        "state": change.state.value,
        "step": change.step,
        "step_done": change.step_done,
        "attempts": change.attempts,
        "reason": change.reason[:_REASON],
        "progress": change.progress,
        "wakeable": change.wakeable,
        "delay": change.delay,
        "step_deadline": change.step_deadline,
        "lease": _lease(),
    }
    found = prepared.rows(queries.CHECKPOINT, params)
    if not found:
        return None
    row = found[0]
    if change.wakeable or not (change.step_done and row["state"] == State.RUNNING):
        return State(row["state"])
    return replace(
        held,
        step=change.step,
        stored_step=change.step,
        steps_done=(*held.steps_done, held.step),
        attempts=change.attempts,
        wakes=row["wakes"],
        now=row["now"],
        step_started_at=row["step_started_at"],
        step_deadline=row["step_deadline"],
        deadline=row["deadline"],
        kept={**held.kept, **change.notes},
    )


def close(held: Claimed, change: Change) -> Closed | None:
    """Write the end of an operation that we hold, or None for a lost lease."""
    phases = PHASES_OF[held.kind]
    succeeded = change.state is State.SUCCEEDED
    params = {
        **_attempt(held, change),
        **_problem(change.problem),
        "id": held.id,
        "runtime_id": held.runtime_id,
        "fence": held.fence,
        "state": change.state.value,
        "attempts": change.attempts,
        "progress": change.progress,
        "cancel_reason": held.cancel_reason if change.state is State.CANCELLED else "",
        "step_done": change.step_done,
        "skipped": "{}",
        "phase": (phases.succeeded if succeeded else _after_failure(held, change)).value,
        "runtime_message": "" if succeeded else for_the_runtime(change.problem),
    }
    return _close(params)


def _after_failure(held: Claimed, change: Change) -> Phase:
    """Return where the runtime stands: where it stood, when the step that failed has changed nothing."""
    stood = str(held.input.get("phase", "")) if change.harmless else ""
    return Phase(stood) if stood in {phase.value for phase in Phase} else PHASES_OF[held.kind].failed


def close_cancelled(held: Claimed) -> Closed | None:
    """Write the end of an operation that we hold and that a person, or a delete, asked to cancel."""
    return cancel(
        operation_id=held.id,
        runtime_id=held.runtime_id,
        fence=held.fence,
        attempts=held.attempts,
        step=held.step,
        reason=held.cancel_reason,
        leaves=Phase.FAILED,
    )


def close_if_cancelling(held: Claimed) -> Closed | None:
    """End an operation that we still hold when somebody asked to cancel it while its step ran."""
    found = prepared.rows(queries.CANCELLING, {"id": held.id, "fence": held.fence})
    return close_cancelled(replace(held, cancel_reason=found[0]["cancel_reason"])) if found else None


def cancel(
    *,
    operation_id: UUID,
    runtime_id: UUID,
    fence: int | None,
    attempts: int,
    step: str,
    reason: str,
    leaves: Phase | None,
) -> Closed | None:
    """End an active operation as cancelled; None when `fence` is None and somebody holds its lease.

    The runtime comes to `leaves` (None: it stays in its phase), unless a wish behind takes over.
    """
    return _close(
        {
            **_NO_ATTEMPT,
            **_problem(None),
            "id": operation_id,
            "runtime_id": runtime_id,
            "fence": fence,
            "state": State.CANCELLED.value,
            "attempts": attempts,
            "progress": 0,
            "cancel_reason": reason,
            "ran": step,
            "number": attempts,
            "phase": leaves.value if leaves else None,
            "runtime_message": reason[:_RUNTIME_MESSAGE] if leaves else None,
        }
    )


def finish_skipped(
    *, operation_id: UUID, runtime_id: UUID, kind: Kind, step: str, reason: str
) -> Closed | None:
    """End an active operation whose last step a person skipped; None when somebody holds its lease."""
    return _close(
        {
            **_NO_ATTEMPT,
            **_problem(None),
            "id": operation_id,
            "runtime_id": runtime_id,
            "fence": None,
            "state": State.SUCCEEDED.value,
            "attempts": 0,
            "progress": 100,
            "cancel_reason": "",
            "step_done": True,
            "skipped": json.dumps({"skipped": reason}),
            "ran": step,
            "number": 0,
            "outcome": "skipped",
            "message": reason,
            "phase": PHASES_OF[kind].succeeded.value,
            "runtime_message": "",
        }
    )


def for_the_runtime(problem: Problem | None) -> str:
    """Return what a runtime's page says about a failure: it names who can act."""
    if problem is None:
        return ""
    if problem.audience is Audience.TENANT:
        return problem.message[:_RUNTIME_MESSAGE]
    who = " The platform's team has to act; you need not."
    return problem.message[: _RUNTIME_MESSAGE - len(who)] + who


_NO_ATTEMPT = {"outcome": "", "message": "", "began": None, "step_done": False, "skipped": "{}"}


def _close(params: dict[str, Any]) -> Closed | None:
    keep = params["state"] == State.CANCELLED
    found = prepared.rows(queries.CLOSE, {**params, "starts": flowbook.starts(), "keep_phase_for_next": keep})
    return Closed(found[0]["promoted"]) if found else None


def _attempt(held: Claimed, change: Change) -> dict[str, Any]:
    message = change.problem.message if change.problem else ""
    if not (message or change.step_done):  # else the reason is the next step's
        message = change.reason
    return {
        "ran": held.step,
        "number": held.attempts,
        "outcome": change.outcome,
        "message": message[:_MESSAGE],
        "began": held.now,
    }


def _onward(change: Change) -> dict[str, Any]:
    """Return the time of what comes next, and what is kept of a step that gave up: beside its name, and for later steps."""
    return {
        "step_limit": change.step_limit,
        "time_left": change.time_left,
        "mark": json.dumps({"failed": change.gave_up[:_MESSAGE]} if change.gave_up else {}),
        "notes": json.dumps(dict(change.notes)) if change.notes else None,
    }


def _problem(problem: Problem | None) -> dict[str, str]:
    return {
        "error_class": problem.kind if problem else "",
        "error_code": problem.code[:64] if problem else "",
        "error_message": problem.message[:_MESSAGE] if problem else "",
        "error_audience": problem.audience.value if problem and problem.message else "",
    }


def _lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)
