"""Samples and spans in, seconds and sums of level x seconds out: the definition of what an hour holds. Pure, whole numbers only.

A sample stands for its slot. Between two samples of one incarnation and one shape, at most half an hour apart, the shape is
inferred; what lies further apart, or between different shapes, nobody knows. Of two incarnations in a slot the newer counts.
Everything is cut to the spans, so a moment belongs to one account. While a runtime is being built or taken down nothing is
expected of it: only what was seen counts then, and what was not is no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from billing.usage.integrals import GAUGES, INTEGRALS, UNKNOWN

GAP_SECONDS = 1800
QUIET = ("pending", "provisioning", "deprovisioning")
USED_FROM, _EGRESS = 4, 8  # where use begins among the gauges, and egress
_PLACES = {name: place for place, name in enumerate(INTEGRALS)}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sight: when its slot begins (seconds), its incarnation, its shape, and its gauges in the order of `Gauges`."""

    slot: int
    epoch: int
    shape: int
    gauges: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Life:
    """A span, in seconds: [since, until)."""

    id: int
    since: int
    until: int
    quiet: bool = False


Sums = tuple[int, ...]  # in the order of INTEGRALS


def integrate(
    samples: Iterable[Sample], lives: Sequence[Life], *, start: int, end: int, slot_seconds: int
) -> dict[tuple[int, int], Sums]:
    """Return the sums of [start, end) by (span, shape); unknown time has the shape 0.

    `samples` are those of the time, and their neighbours as far as a gap reaches.
    """
    chosen, egress = _chosen(samples)
    found: dict[tuple[int, int], list[int]] = {}
    for life in lives:
        first, last = max(life.since, start), min(life.until, end)
        if first >= last:
            continue
        known = 0
        for sample in chosen:
            if seconds := _overlap(first, last, sample.slot, sample.slot + slot_seconds):
                _add(found.setdefault((life.id, sample.shape), _nothing()), sample, seconds)
                known += seconds
        if life.quiet:
            continue
        for shape, begin, until in _gaps(chosen, slot_seconds):
            if seconds := _overlap(first, last, begin, until):
                found.setdefault((life.id, shape), _nothing())[1] += seconds
                known += seconds
        if unknown := last - first - known:
            found[life.id, UNKNOWN] = _nothing()
            found[life.id, UNKNOWN][2] = unknown
    _add_egress(found, chosen, egress, lives, start, end, slot_seconds)
    return {key: tuple(sums) for key, sums in found.items()}


def _nothing() -> list[int]:
    return [0] * len(INTEGRALS)


def _overlap(first: int, last: int, begin: int, until: int) -> int:
    return max(0, min(last, until) - max(first, begin))


def _chosen(samples: Iterable[Sample]) -> tuple[list[Sample], dict[int, int]]:
    by_slot: dict[int, Sample] = {}
    egress: dict[int, int] = {}
    for sample in samples:
        egress[sample.slot] = egress.get(sample.slot, 0) + (sample.gauges[_EGRESS] or 0)
        before = by_slot.get(sample.slot)
        if before is None or before.epoch < sample.epoch:
            by_slot[sample.slot] = sample
    return [by_slot[slot] for slot in sorted(by_slot)], egress


def _gaps(chosen: Sequence[Sample], slot_seconds: int) -> list[tuple[int, int, int]]:
    return [
        (one.shape, one.slot + slot_seconds, other.slot)
        for one, other in pairwise(chosen)
        if 0 < other.slot - one.slot - slot_seconds <= GAP_SECONDS
        and (one.shape, one.epoch) == (other.shape, other.epoch)
    ]


def _add(sums: list[int], sample: Sample, seconds: int) -> None:
    sums[0] += seconds
    sums[3] += seconds if sample.gauges[USED_FROM] is not None else 0
    for position, name in enumerate(GAUGES):
        sums[_PLACES[name]] += (sample.gauges[position] or 0) * seconds


def _add_egress(
    found: dict[tuple[int, int], list[int]],
    chosen: Sequence[Sample],
    egress: dict[int, int],
    lives: Sequence[Life],
    start: int,
    end: int,
    slot_seconds: int,
) -> None:
    """What a slot counted belongs to the time the slot begins in, and to the first span that has a part of it."""
    for sample in chosen:
        if not start <= sample.slot < end or not egress[sample.slot]:
            continue
        for life in sorted(lives, key=lambda life: life.since):
            if _overlap(
                max(life.since, start), min(life.until, end), sample.slot, sample.slot + slot_seconds
            ):
                found[life.id, sample.shape][_PLACES["egress_bytes"]] += egress[sample.slot]
                break
