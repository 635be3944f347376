"""Splits what a runtime's nodes have into the tenant's work, the platform, what nodes keep for themselves, and idle. Pure.

Definitions: OpenCost, whose idle holds the nodes' reserve; here it is apart. Work is the larger of asked for and used, as there,
though of a day and a runtime, not of each container: what is idle is at least as much as there.
Everything is whole numbers of level x seconds, of observed time only: unknown time is nobody's.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.pricing.money import split

CORE_HOUR = 1000 * 3600  # millicores x seconds
GIB_HOUR = 1024 * 3600  # MiB x seconds


class Parts(NamedTuple):
    """A whole in four parts."""

    workload: int
    platform: int
    reserve: int
    idle: int

    @property
    def whole(self) -> int:
        """Return what they are parts of."""
        return sum(self)


NOTHING = Parts(0, 0, 0, 0)


class Measured(NamedTuple):
    """What a day held of processors (millicores x seconds) or of memory (MiB x seconds)."""

    capacity: int
    allocatable: int
    workload_requested: int
    workload_used: int
    platform_requested: int
    platform_used: int
    own: int = 0  # of the capacity, what the platform's own nodes have


class Split(NamedTuple):
    """The parts add up to the capacity; `overrun` is by how much work went beyond what was allocatable."""

    parts: Parts
    overrun: int


def split_resource(measured: Measured) -> Split:
    """Return the parts of the capacity; work beyond allocatable takes the reserve first, then is cut in proportion, and told.

    What the platform's own nodes can give is the platform's, whether its components take it or not: nobody else may.
    """
    capacity = measured.capacity
    allocatable = min(measured.allocatable, capacity)
    workload = max(measured.workload_requested, measured.workload_used)
    kept = measured.own * allocatable // capacity if capacity else 0
    platform = max(measured.platform_requested, measured.platform_used, kept)
    overrun = max(0, workload + platform - allocatable)
    if workload + platform > capacity:
        workload, platform = split(capacity, [workload, platform])
    reserve = min(capacity - allocatable, capacity - workload - platform)
    return Split(Parts(workload, platform, reserve, capacity - workload - platform - reserve), overrun)


def weights(
    cpu: int, memory: int, *, core_hour: Decimal | Fraction, gib_hour: Decimal | Fraction
) -> tuple[int, int]:
    """Return how processors and memory weigh in a cost, by what a core-hour and a GiB-hour cost."""
    both = (Fraction(core_hour) * cpu / CORE_HOUR, Fraction(gib_hour) * memory / GIB_HOUR)
    common = both[0].denominator * both[1].denominator
    return int(both[0] * common), int(both[1] * common)


def split_cost(total: int, cpu: Parts, memory: Parts, weighing: tuple[int, int]) -> Parts:
    """Split a cost (of what the smallest unit may be) over the parts of both resources; nothing is lost or made.

    A cost that no weight explains is idle: it was paid for, and nothing shows what for.
    """
    if not total:
        return NOTHING
    usable = [weight if parts.whole else 0 for weight, parts in zip(weighing, (cpu, memory), strict=True)]
    if not any(usable):
        return Parts(0, 0, 0, total)
    shares = split(total, usable)
    halves = [
        split(share, parts) if share else [0] * 4 for share, parts in zip(shares, (cpu, memory), strict=True)
    ]
    return Parts(*map(sum, zip(*halves, strict=True)))


def added(one: Parts, other: Parts) -> Parts:
    """Return both, part by part."""
    return Parts(*(a + b for a, b in zip(one, other, strict=True)))
