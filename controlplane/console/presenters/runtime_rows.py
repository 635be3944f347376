"""One line of the list of runtimes, and the small picture of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from controlplane.console.presenters.badges import PHASES, SUMMARY_ORDER, Badge
from provisioner.operations.models import Operation
from provisioner.operations.timeline import step_title
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

PICTURE_WIDTH = 1000  # units of the SVG's own coordinates
NARROWEST = 12  # so that one failed runtime among thousands is still seen


@dataclass(frozen=True)
class Row:
    """A runtime with the operation that works on it, if one does."""

    runtime: Runtime
    operation: Operation | None

    @property
    def kubernetes(self) -> str:
        """The version observed, else the one wanted."""
        return kubernetes_version(self.runtime)

    @property
    def doing(self) -> str:
        """What happens to it, in a few words."""
        if self.operation is None:
            return ""
        title = step_title(self.operation.kind, self.operation.step)
        return f"Paused: {title}" if self.operation.state == "paused" else title

    @property
    def trouble(self) -> str:
        """What a person should know about a failed one."""
        return self.runtime.message if self.runtime.phase == Phase.FAILED else ""


def kubernetes_version(runtime: Runtime) -> str:
    """The version observed, else the one that its release names."""
    seen = runtime.status.get("kubernetes_version", "")
    wanted = runtime.cluster_spec.get("kubernetes_version", "")
    return str(seen or wanted)


def rows(runtimes: list[Runtime], operations: Mapping[UUID, Operation]) -> list[Row]:
    """Join runtimes with what works on them."""
    return [Row(runtime, operations.get(runtime.id)) for runtime in runtimes]


@dataclass(frozen=True)
class Share:
    """How many runtimes stand in one phase, and where its bar lies in the picture."""

    phase: str
    badge: Badge
    number: int
    x: int
    width: int


def summary(counts: Mapping[str, int]) -> list[Share]:
    """The bars side by side, filling the picture's width; a bar is never too narrow to be seen."""
    present = [phase for phase in SUMMARY_ORDER if counts.get(phase)]
    total = sum(counts[phase] for phase in present)
    free = PICTURE_WIDTH - NARROWEST * len(present)
    shares: list[Share] = []
    x = 0
    for phase in present:
        width = NARROWEST + round(free * counts[phase] / total)
        if phase == present[-1]:
            width = PICTURE_WIDTH - x
        shares.append(Share(phase, PHASES[phase], counts[phase], x, width))
        x += width
    return shares


def in_a_sentence(shares: list[Share]) -> str:
    """The picture for those who hear it: "2 failed, 58 ready"."""
    return ", ".join(f"{share.number} {share.badge.text.lower()}" for share in shares) or "no runtimes"
