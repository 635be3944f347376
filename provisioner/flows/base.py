"""What a flow is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from provisioner.steps.base import Step


@dataclass(frozen=True)
class Flow:
    """An ordered list of steps with a deadline for the whole.

    Behind the step `settles` the runtime is what its operation makes of it, and people can use it; the steps that are left go on
    in the background, behind everybody's work that is not.
    """

    steps: Sequence[Step]
    deadline: timedelta
    settles: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for a step that would go on at one that is not behind it: it might never end."""
        for position, step in enumerate(self.steps):
            behind = [one.name for one in self.steps[position + 1 :]]
            if step.otherwise is not None and step.otherwise.step not in behind:
                raise ValueError(f"{step.name} can't go on at {step.otherwise.step}: it is not behind it")

    def names(self) -> list[str]:
        """The steps' names in order."""
        return [step.name for step in self.steps]

    def step(self, name: str) -> Step:
        """Return the step of that name; raises KeyError when the flow has none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
