"""Samples of some hours of one block laid out as a table of slots and sources: what hours are made of, many at a time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from billing.usage.integrals import GAUGES
from billing.usage.packed import SAMPLES_AT, SAMPLES_WIDTH, Array, field, gauges

if TYPE_CHECKING:
    from billing.usage.blocks import Block

_HOUR = 3600


@dataclass(frozen=True)
class Grid:
    """Hours that are made together, and how long a slot is; all in seconds.

    `open_end`: whether nobody was seen in the half hour after an hour, so that its end can't be the middle of a gap.
    """

    hours: tuple[int, ...]
    length: int
    open_end: tuple[bool, ...]

    @property
    def slots(self) -> int:
        """How many an hour has."""
        return _HOUR // self.length


@dataclass(frozen=True)
class Sights:
    """What was seen: arrays (hour, slot, source), and gauges as (hour, slot, gauge, source); 0 where nothing was.

    `doubtful` (hour, source) is who was seen twice in a slot, or off the grid.
    """

    sources: Array
    present: Array
    shape: Array
    epoch: Array
    gauges: Array
    egress: Array
    doubtful: Array


def sights_of(blocks: Sequence[Block], wanted: Array, grid: Grid) -> Sights:
    """Lay out the samples of one block, with a column for each of the `wanted` sources too; what lies in no hour is left out."""
    number = {hour: at for at, hour in enumerate(grid.hours)}
    rows, held, astray = list[int](), list[bytes](), list[tuple[int, bytes]]()
    for slot, _, samples in blocks:
        within = slot % _HOUR
        at = number.get(slot - within)
        if at is None:
            continue
        if within % grid.length:
            astray.append((at, samples))
        else:
            rows.append(at * grid.slots + within // grid.length)
            held.append(samples)
    if held and not astray and (alike := _alike(held, wanted)) is not None:
        return _sights(grid, alike, np.zeros((len(grid.hours), len(alike)), bool), *_joined(grid, rows, held))
    return _scattered(grid, rows, held, wanted, astray)


def _alike(held: Sequence[bytes], wanted: Array) -> Array | None:
    """Return the sources where every slot has the same, each once, and all that are wanted."""
    width = len(held[0]) // SAMPLES_WIDTH * 4
    told = held[0][:width]
    if any(samples[:width] != told or len(samples) != len(held[0]) for samples in held):
        return None
    sources = field(held[0], "source").astype(np.int64)
    if (sources[1:] == sources[:-1]).any():
        return None
    return sources if len(np.union1d(sources, wanted)) == len(sources) else None


def _joined(grid: Grid, rows: Sequence[int], held: Sequence[bytes]) -> tuple[Array, ...]:
    """Lay out slots that have the same sources: each field of all of them at once."""
    count, every = len(held[0]) // SAMPLES_WIDTH, len(grid.hours) * grid.slots
    table = np.frombuffer(b"".join(held), np.uint8).reshape(len(held), -1)
    whole = list(rows) == [*range(every)]

    def part(name: str, kind: str, fields: int = 1) -> Array:
        start, width = SAMPLES_AT[name] * count, np.dtype(kind).itemsize * count * fields
        told = np.ascontiguousarray(table[:, start : start + width]).view(kind)
        native = told.astype(told.dtype.newbyteorder("="))
        if whole:
            return native
        found = np.zeros((every, count * fields), native.dtype)
        found[rows] = native
        return found

    present = np.zeros((every, count), bool)
    present[rows] = True
    parts = (part("shape", ">i4"), part("epoch", ">i2"), part(GAUGES[0], ">i4", len(GAUGES)))
    return present, *parts, part("egress_bytes", ">i8")


def _scattered(
    grid: Grid,
    rows: Sequence[int],
    held: Sequence[bytes],
    wanted: Array,
    astray: Sequence[tuple[int, bytes]],
) -> Sights:
    """The same where slots have different sources: each slot's samples go to their columns."""
    told = [field(samples, "source") for samples in held]
    strays = [(at, field(samples, "source")) for at, samples in astray]
    sources = np.unique(np.concatenate([wanted, *told, *(some for _, some in strays)]).astype(np.int64))
    every, count = len(grid.hours) * grid.slots, len(sources)
    present = np.zeros((every, count), bool)
    shape, epoch = np.zeros((every, count), np.int32), np.zeros((every, count), np.int16)
    figures, egress = np.zeros((every, len(GAUGES), count), np.int32), np.zeros((every, count), np.int64)
    doubtful = np.zeros((len(grid.hours), count), bool)
    for row, samples, whose in zip(rows, held, told, strict=True):
        at = np.searchsorted(sources, whose)
        present[row, at] = True
        shape[row, at], epoch[row, at] = field(samples, "shape"), field(samples, "epoch")
        figures[row][:, at], egress[row, at] = gauges(samples), field(samples, "egress_bytes")
        if (twice := at[1:] == at[:-1]).any():
            doubtful[row // grid.slots, at[1:][twice]] = True
    for number, whose in strays:
        doubtful[number, np.searchsorted(sources, whose)] = True
    return _sights(grid, sources, doubtful, present, shape, epoch, figures, egress)


def _sights(grid: Grid, sources: Array, doubtful: Array, present: Array, *parts: Array) -> Sights:
    by_hour = (len(grid.hours), grid.slots)
    shape, epoch, figures, egress = parts
    return Sights(
        sources,
        present.reshape(*by_hour, -1),
        shape.reshape(*by_hour, -1),
        epoch.reshape(*by_hour, -1),
        figures.reshape(*by_hour, len(GAUGES), -1),
        egress.reshape(*by_hour, -1),
        doubtful,
    )
