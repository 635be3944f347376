"""The steps of an operation: those of its flow in order, each with its state, its times and every attempt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from controlplane.api.shapes.base import COUNT, MAYBE_MOMENT, MOMENT, TEXT, Shape, record, several, words
from controlplane.kernel.clock import rfc3339
from provisioner.operations.flowbook import all_flows
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.moves import State

PENDING = "pending"
DONE = "done"
SKIPPED = "skipped"
# What an operation's state says of the step that it stands at.
CURRENT = {
    State.QUEUED: PENDING,
    State.RUNNING: "running",
    State.WAITING: "waiting",
    State.PAUSED: "paused",
    State.SUCCEEDED: DONE,
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}

ATTEMPT = Shape(
    "Attempt",
    record(
        {
            "number": COUNT,
            "outcome": {"type": "string", "description": "`done`, `wait`, `retry`, `fatal` or `skipped`."},
            "error_class": TEXT,
            "error_code": TEXT,
            "message": TEXT,
            "started_at": MOMENT,
            "finished_at": MOMENT,
        }
    ),
)
STEP = Shape(
    "Step",
    record(
        {
            "name": TEXT,
            "title": TEXT,
            "state": words(sorted({PENDING, DONE, SKIPPED, *CURRENT.values()})),
            "started_at": MAYBE_MOMENT,
            "finished_at": MAYBE_MOMENT,
            "skipped_because": TEXT,
            "usual_seconds": {
                "type": ["number", "null"],
                "description": "How long it takes as a rule, where known.",
            },
            "attempts": several(ATTEMPT),
        }
    ),
)


def steps_of(
    operation: Operation, attempts: Iterable[OperationAttempt], usual: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return every step of the operation's flow, and before them what it did in an older form of that flow."""
    flow = all_flows().get(operation.kind)
    titles = {step.name: step.title for step in flow.steps} if flow else {}
    done = {entry["step"]: entry for entry in operation.steps_done}
    names = [*(name for name in done if name not in titles), *titles]
    if operation.step and operation.step not in names:
        names.append(operation.step)
    tried: dict[str, list[OperationAttempt]] = defaultdict(list)
    for attempt in attempts:
        tried[attempt.step].append(attempt)
    return [
        _step(operation, name, titles.get(name, name), done.get(name), tried[name])
        | {"usual_seconds": usual.get(name)}
        for name in names
    ]


def _step(
    operation: Operation,
    name: str,
    title: str,
    done: dict[str, Any] | None,
    attempts: list[OperationAttempt],
) -> dict[str, Any]:
    state, started, finished, skipped = PENDING, None, None, ""
    if done is not None:
        finished = datetime.fromisoformat(done["at"])
        started = finished - timedelta(seconds=float(done.get("seconds") or 0))
        skipped = str(done.get("skipped") or "")
        state = SKIPPED if "skipped" in done else DONE
    elif name == operation.step:
        state = CURRENT[State(operation.state)]
        started = operation.step_started_at
    if attempts and started is None:
        started = attempts[0].started_at
    return {
        "name": name,
        "title": title,
        "state": state,
        "started_at": rfc3339(started),
        "finished_at": rfc3339(finished),
        "skipped_because": skipped,
        "attempts": [_attempt(attempt) for attempt in attempts],
    }


def _attempt(attempt: OperationAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "error_class": attempt.error_class,
        "error_code": attempt.error_code,
        "message": attempt.message,
        "started_at": rfc3339(attempt.started_at),
        "finished_at": rfc3339(attempt.finished_at),
    }
