"""The steps of an operation as pages show them: done, at work, to come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.console.presenters.durations import roughly
from controlplane.kernel.clock import utcnow
from provisioner.operations.models import OperationAttempt
from provisioner.operations.timeline import StepProgress, StepState

LOOKS = {
    StepState.PENDING: "next",
    StepState.RUNNING: "current",
    StepState.WAITING: "current",
}
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
    seconds: float | None
    attempts: int
    note: str
    usually: str
    tries: tuple[OperationAttempt, ...]

    @property
    def icon(self) -> str:
        """Its mark; empty for what is still to come."""
        return MARKS.get(self.look, "")


def step_views(steps: Iterable[StepProgress]) -> list[StepView]:
    """Every step in the words of the page."""
    now = utcnow()
    return [
        StepView(
            name=step.name,
            title=step.title,
            look=LOOKS.get(step.state, step.state.value),
            seconds=step.seconds(now),
            attempts=step.attempt,
            note=f"Skipped: {step.skipped_because}" if step.skipped_because else step.reason,
            usually=roughly(step.usual_seconds) if step.usual_seconds else "",
            tries=step.attempts,
        )
        for step in steps
    ]


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
