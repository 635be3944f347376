"""The steps of an operation: done, at work, to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.console.presenters.durations import roughly
from controlplane.kernel.clock import utcnow
from provisioner.flows.base import Flow
from provisioner.operations import flowbook
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.moves import OPEN, State

MARKS = {
    "done": "check",
    "skipped": "forward",
    "current": "arrow-path",
    "paused": "pause",
    "failed": "x-mark",
    "cancelled": "no-symbol",
}


@dataclass(frozen=True)
class StepView:
    """One line of the timeline; `look` is done, skipped, current, paused, failed, cancelled or next."""

    name: str
    title: str
    look: str
    at: datetime | None = None
    seconds: float | None = None
    attempts: int = 0
    note: str = ""
    usually: str = ""
    tries: tuple[OperationAttempt, ...] = ()

    @property
    def icon(self) -> str:
        """Its mark; empty for what is still to come."""
        return MARKS.get(self.look, "")


def flow_of(kind: str) -> Flow | None:
    """The flow of a kind of operation, or None for one that this release no longer has."""
    return flowbook.all_flows().get(kind)


def step_title(kind: str, step: str) -> str:
    """A step's name for people."""
    flow = flow_of(kind)
    try:
        return flow.step(step).title if flow else step.replace("_", " ").capitalize()
    except KeyError:  # a deploy renamed it while the operation ran
        return step.replace("_", " ").capitalize()


def timeline(
    operation: Operation,
    *,
    usual: Mapping[str, float] | None = None,
    attempts: Iterable[OperationAttempt] = (),
) -> list[StepView]:
    """Every step in order; `usual` says how many seconds each takes as a rule."""
    usual = usual or {}
    tries: dict[str, list[OperationAttempt]] = {}
    for attempt in attempts:
        tries.setdefault(attempt.step, []).append(attempt)
    done: dict[str, dict[str, Any]] = {entry["step"]: entry for entry in operation.steps_done}
    views = [_done(operation.kind, entry, tuple(tries.get(name, ()))) for name, entry in done.items()]
    if operation.state == State.SUCCEEDED:
        return views
    if operation.step not in done:
        views.append(_current(operation, usual, tuple(tries.get(operation.step, ()))))
    flow = flow_of(operation.kind)
    names = flow.names() if flow else []
    ahead = names[names.index(operation.step) + 1 :] if operation.step in names else []
    views += [
        StepView(name, step_title(operation.kind, name), "next", usually=_usually(usual.get(name)))
        for name in ahead
        if name not in done
    ]
    return views


def _done(kind: str, entry: Mapping[str, Any], tries: tuple[OperationAttempt, ...]) -> StepView:
    skipped = entry.get("skipped", "")
    return StepView(
        entry["step"],
        step_title(kind, entry["step"]),
        "skipped" if skipped else "done",
        at=_moment(entry.get("at")),
        seconds=entry.get("seconds"),
        note=f"Skipped: {skipped}" if skipped else entry.get("note", ""),
        tries=tries,
    )


def _current(
    operation: Operation, usual: Mapping[str, float], tries: tuple[OperationAttempt, ...]
) -> StepView:
    look = {
        State.FAILED: "failed",
        State.CANCELLED: "cancelled",
        State.PAUSED: "paused",
        State.QUEUED: "next",
    }
    began = operation.step_started_at
    until = operation.finished_at or utcnow()
    return StepView(
        operation.step,
        step_title(operation.kind, operation.step),
        look.get(State(operation.state), "current"),
        at=began,
        seconds=(until - began).total_seconds() if began and operation.state != State.QUEUED else None,
        attempts=operation.attempts,
        note=operation.reason if operation.state in OPEN else "",
        usually=_usually(usual.get(operation.step)),
        tries=tries,
    )


def _usually(seconds: float | None) -> str:
    return roughly(seconds) if seconds else ""


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Where:
    """A sentence on where the operation stands, for those who hear it."""

    number: int
    total: int
    title: str

    def __str__(self) -> str:
        return f"Step {self.number} of {self.total}: {self.title}"


def where(views: list[StepView]) -> Where | None:
    """The step at work, counted; None once there is none."""
    for number, view in enumerate(views, start=1):
        if view.look in ("current", "paused", "failed"):
            return Where(number, len(views), view.title)
    return None
