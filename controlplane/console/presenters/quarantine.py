"""Samples that were put aside, in words, and two readings of one slot side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from billing.meters.registry import meters
from billing.usage.deciding import ACCEPTED, DISMISSED
from billing.usage.models import Quarantined
from billing.usage.samples import Origin
from controlplane.console.presenters.badges import Badge

REASONS = {
    "conflict": (
        "Two readings of one slot",
        "A second reading of a slot said something else; the first one counts.",
    ),
    "clock_skewed": (
        "A clock that is off",
        "It was reported more than one slot away from the time that it is about.",
    ),
    "outside_life": (
        "Outside of a life",
        "The runtime did not live in this slot, so nobody can be charged for it.",
    ),
    "replaced": ("Given way", "Somebody accepted another reading of its slot, so this one counts no more."),
}
ORIGINS = {
    Origin.COLLECTOR: "the collector",
    Origin.AGENT: "an agent that pushes",
    Origin.BACKFILL: "a look back at what was missed",
}
STATES = {
    "": Badge("Waits", "clock", "wait"),
    ACCEPTED: Badge("Accepted", "check-circle", "ok"),
    DISMISSED: Badge("Kept out", "archive-box", "idle"),
}
# The gauges of a sample: what they are called, and their unit.
GAUGES = {
    "workload_requested_millicores": ("Asked for by work, processors", "thousandths of a core"),
    "workload_requested_mib": ("Asked for by work, memory", "MiB"),
    "platform_requested_millicores": ("Asked for by the platform, processors", "thousandths of a core"),
    "platform_requested_mib": ("Asked for by the platform, memory", "MiB"),
    "workload_used_millicores": ("Used by work, processors", "thousandths of a core"),
    "workload_used_mib": ("Used by work, memory", "MiB"),
    "platform_used_millicores": ("Used by the platform, processors", "thousandths of a core"),
    "platform_used_mib": ("Used by the platform, memory", "MiB"),
    "egress_bytes": ("Sent out since the sight before", "bytes"),
    "allocatable_millicores": ("Allocatable, processors", "thousandths of a core"),
    "allocatable_mib": ("Allocatable, memory", "MiB"),
}
BASES = {
    "millicores": "thousandths of a core",
    "count": "",
}  # what levels count in, where the meter's word is short
NOTHING = "-"


@dataclass(frozen=True)
class Line:
    """One figure of a slot as both readings have it."""

    name: str
    unit: str
    stands: str
    aside: str

    @property
    def differs(self) -> bool:
        """Whether they say otherwise."""
        return self.stands != self.aside


def title_of(reason: str) -> str:
    """Return a reason in a few words."""
    return REASONS.get(reason, (reason.replace("_", " ").capitalize(), ""))[0]


def meaning_of(reason: str) -> str:
    """Return a reason in a sentence."""
    return REASONS.get(reason, ("", "It can't be believed; each says in words why."))[1]


def state_of(row: Quarantined) -> Badge:
    """Return what became of a sample."""
    return STATES[row.decision]


def side_by_side(stands: Mapping[str, Any] | None, aside: Mapping[str, Any]) -> list[Line]:
    """Return every figure of either reading, those that differ first."""
    ours, theirs = dict(_figures(stands or {})), dict(_figures(aside))
    lines = []
    for place in {**ours, **theirs}:
        mine, other = ours.get(place, NOTHING), theirs.get(place, NOTHING)
        lines.append(Line(*place, mine, other))
    return sorted(lines, key=lambda line: not line.differs)


def _figures(payload: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    known = meters()
    for meter, levels in sorted(payload.get("levels", {}).items()):
        title, base = (known[meter].title, known[meter].base) if meter in known else (meter, "")
        for dimension, level in sorted(levels.items()):
            name = f"{title}, {dimension}" if dimension else title
            yield (name, BASES.get(base, base)), f"{level:,}"
    for gauge, value in payload.get("gauges", {}).items():
        yield GAUGES.get(gauge, (gauge, "")), NOTHING if value is None else f"{value:,}"
    for component, (millicores, mib) in sorted(payload.get("components", {}).items()):
        yield (f"Asked for by {component}", "thousandths of a core, MiB"), f"{millicores:,}, {mib:,}"
