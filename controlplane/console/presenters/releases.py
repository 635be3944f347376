"""How releases look: badges of their life, and how long they still have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from controlplane.catalog.lives import days_left, state_of
from controlplane.catalog.plans import ReleaseFacts
from controlplane.console.presenters.badges import Badge

STATES: Mapping[str, Badge] = {
    "draft": Badge("Draft", "pencil-square", "idle"),
    "published": Badge("Published", "check-circle", "ok"),
    "withdrawn": Badge("Withdrawn", "no-symbol", "bad"),
    "expired": Badge("Expired", "clock", "bad"),
}
SOON_DAYS = 60  # before its end: time to plan a rollout


@dataclass(frozen=True)
class Line:
    """A release as a line of the list."""

    release: ReleaseFacts
    state: str
    left: int | None  # days
    runtimes: int
    channels: Sequence[str]

    @property
    def badge(self) -> Badge:
        """How its state looks."""
        return STATES[self.state]

    @property
    def usable(self) -> bool:
        """Whether runtimes may be brought to it."""
        return self.state == "published"

    @property
    def image(self) -> str:
        """The machine image's name and version."""
        return f"{self.release.machine_image['name']} {self.release.machine_image['version']}"

    @property
    def ends(self) -> str:
        """How long it still has, in words; empty where no end is known."""
        if self.left is None:
            return ""
        if self.left <= 0:
            return "over today" if self.left == 0 else f"over for {-self.left} d"
        return f"in {self.left} d"

    @property
    def pressing(self) -> bool:
        """Whether its end is near, or past, and somebody still runs it."""
        return self.left is not None and self.left <= SOON_DAYS and self.runtimes > 0


def line(
    release: ReleaseFacts, today: date, running: Mapping[str, int], pointing: Mapping[str, ReleaseFacts]
) -> Line:
    """Return the line of a release; `running` counts runtimes by release, `pointing` has the release of each channel."""
    channels = sorted(key for key, one in pointing.items() if one.key == release.key)
    return Line(
        release, state_of(release, today), days_left(release, today), running.get(release.key, 0), channels
    )
