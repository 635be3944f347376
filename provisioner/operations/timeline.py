"""The steps of an operation as people see them: what it did, what it is at, what is still to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from provisioner.operations import flowbook
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.moves import OPEN, State

Entry = Mapping[str, Any]  # of steps_done
MOST_ATTEMPTS = 500  # an operation that waits for days is polled; the newest attempts tell enough


class StepState(StrEnum):
    """pending: still to come, or in the queue; done and skipped are behind; the others are the operation's own."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


# What an operation's state says of the step that it stands at.
AT_STEP = {
    State.QUEUED: StepState.PENDING,
    State.RUNNING: StepState.RUNNING,
    State.WAITING: StepState.WAITING,
    State.PAUSED: StepState.PAUSED,
    State.SUCCEEDED: StepState.DONE,
    State.FAILED: StepState.FAILED,
    State.CANCELLED: StepState.CANCELLED,
}


@dataclass(frozen=True)
class StepProgress:
    """One step; `attempts` are those kept, `attempt` counts those since it was begun or retried."""

    name: str
    title: str
    state: StepState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    skipped_because: str = ""
    reason: str = ""  # why it waits
    attempt: int = 0
    usual_seconds: float | None = None
    attempts: tuple[OperationAttempt, ...] = ()

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken by now; None for what has not begun."""
        if self.started_at is None or self.state is StepState.PENDING:
            return None
        return ((self.finished_at or now) - self.started_at).total_seconds()


def step_title(kind: str, name: str) -> str:
    """Return a step's name for people, also of one that this release no longer has."""
    flow = flowbook.all_flows().get(kind)
    titles = {step.name: step.title for step in flow.steps} if flow else {}
    return titles.get(name) or name.replace("_", " ").capitalize()


def attempts_of(operation: Operation) -> list[OperationAttempt]:
    """Return the newest attempts of an operation, oldest first (rides on attempt_of_operation)."""
    rows = OperationAttempt.objects.filter(operation=operation).order_by("-pk")[:MOST_ATTEMPTS]
    return list(rows)[::-1]


def timeline(
    operation: Operation, attempts: Iterable[OperationAttempt] = (), usual: Mapping[str, float] | None = None
) -> list[StepProgress]:
    """Return the steps in the order of their time; `usual` says how many seconds each takes as a rule."""
    tried: dict[str, list[OperationAttempt]] = defaultdict(list)
    for attempt in attempts:
        tried[attempt.step].append(attempt)
    done = {entry["step"]: entry for entry in _counting(operation)}
    return [
        _progress(operation, name, done.get(name), tuple(tried[name]), (usual or {}).get(name))
        for name in _names(operation, tuple(done))
    ]


def _counting(operation: Operation) -> list[Entry]:
    """Return what was done in the present try: one that begins further back does all from there on anew."""
    entries: list[Entry] = list(operation.steps_done)
    if operation.state == State.SUCCEEDED:
        # It did all of them, be it in the order that its flow had before a deploy changed that.
        newest = {entry["step"]: number for number, entry in enumerate(entries)}
        return [entries[number] for number in sorted(newest.values())]
    flow = flowbook.all_flows().get(operation.kind)
    place = {name: position for position, name in enumerate(flow.names())} if flow else {}
    counting, reached = list[Entry](), place.get(operation.step, len(place))
    for entry in reversed(entries):
        position = place.get(entry["step"])
        if position is None or position < reached:
            counting.append(entry)
            reached = reached if position is None else position
    return counting[::-1]


def _names(operation: Operation, done: Sequence[str]) -> Iterator[str]:
    yield from done
    if operation.state == State.SUCCEEDED:
        return
    if operation.step not in done:
        yield operation.step
    flow = flowbook.all_flows().get(operation.kind)
    names = flow.names() if flow else []
    # A deploy may have taken the current step out of the flow: then it goes on behind the last one done, as the engine does.
    behind = [operation.step] if operation.step in names else [name for name in done if name in names]
    start = max((names.index(name) + 1 for name in behind), default=0)
    yield from (name for name in names[start:] if name not in done)


def _state_of(entry: Entry) -> StepState:
    """Return how a step that is behind ended: one that gave up had the operation go on without it."""
    if "skipped" in entry:
        return StepState.SKIPPED
    return StepState.FAILED if "failed" in entry else StepState.DONE


def _progress(
    operation: Operation,
    name: str,
    done: Entry | None,
    attempts: tuple[OperationAttempt, ...],
    usual: float | None,
) -> StepProgress:
    title = step_title(operation.kind, name)
    if done is not None:
        finished = datetime.fromisoformat(done["at"])
        return StepProgress(
            name,
            title,
            _state_of(done),
            started_at=finished - timedelta(seconds=float(done.get("seconds") or 0)),
            finished_at=finished,
            skipped_because=str(done.get("skipped") or ""),
            usual_seconds=usual,
            attempts=attempts,
        )
    if name != operation.step:
        return StepProgress(name, title, StepState.PENDING, usual_seconds=usual, attempts=attempts)
    return StepProgress(
        name,
        title,
        AT_STEP[State(operation.state)],
        started_at=operation.step_started_at,
        finished_at=operation.finished_at,
        reason=operation.reason if operation.state in OPEN else "",
        attempt=operation.attempts,
        usual_seconds=usual,
        attempts=attempts,
    )
