"""Samples of some hours of one block laid out as a table of slots and sources: what hours are made of, many at a time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from billing.usage.integrals import GAUGES
from billing.usage.packed import SAMPLES_WIDTH, Array, field, shapes_and_gauges

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
    """What was seen: arrays (hour, slot, source), 0 where nothing was.

    `numbers` (hour, slot, 9, source) are the shape and the gauges; `doubtful` (hour, source) is who was seen twice in a slot, or
    off the grid.
    """

    sources: Array
    present: Array
    epoch: Array
    numbers: Array
    egress: Array
    doubtful: Array

    @property
    def shape(self) -> Array:
        """What each was of."""
        return self.numbers[:, :, 0]

    @property
    def gauges(self) -> Array:
        """As (hour, slot, gauge, source)."""
        return self.numbers[:, :, 1:]

    def fill(self, hour: int, slot: int, places: Array | slice, samples: memoryview) -> None:
        """Put a slot's samples in their places."""
        self.present[hour, slot, places] = True
        self.epoch[hour, slot, places] = field(samples, "epoch")
        self.numbers[hour, slot][:, places] = shapes_and_gauges(samples)
        self.egress[hour, slot, places] = field(samples, "egress_bytes")


def sights_of(blocks: Sequence[Block], wanted: Array, grid: Grid) -> Sights:
    """Lay out the samples of one block, with a column for each of the `wanted` sources too; what lies in no hour is left out."""
    number = {hour: at for at, hour in enumerate(grid.hours)}
    chosen = [block for block in blocks if block.slot - block.slot % _HOUR in number]
    told = [bytes(samples[: len(samples) // SAMPLES_WIDTH * 4]) for _, _, samples in chosen]
    columns = {keys: np.frombuffer(keys, ">i4").astype(np.int64) for keys in set(told)}
    sources = ascending([wanted, *columns.values()])
    places = {keys: np.searchsorted(sources, whose) for keys, whose in columns.items()}
    twice = {keys: at[1:][at[1:] == at[:-1]] for keys, at in places.items()}
    # Mostly everybody is seen in every slot: then a field is one piece of memory.
    every = {keys: len(at) == len(sources) and not len(twice[keys]) for keys, at in places.items()}
    on_the_grid = not any(block.slot % grid.length for block in chosen)
    whole = on_the_grid and all(every.values()) and len(chosen) == len(grid.hours) * grid.slots
    sights = _empty(sources, grid, np.empty if whole else np.zeros)
    for (slot, _, samples), keys in zip(chosen, told, strict=True):
        hour, within = number[slot - slot % _HOUR], slot % _HOUR
        row = within // grid.length
        if within % grid.length:
            sights.doubtful[hour, places[keys]] = True
        elif every[keys]:
            sights.fill(hour, row, slice(None), samples)
        else:
            sights.doubtful[hour, twice[keys]] = True
            sights.fill(hour, row, places[keys], samples)
    return sights


def ascending(parts: Sequence[Array]) -> Array:
    """Return the different numbers of some arrays, ordered; mostly one holds them all and is so already."""
    most = max(parts, key=len)
    if (most[1:] > most[:-1]).all() and all(part is most or _holds(most, part) for part in parts):
        return most
    return np.unique(np.concatenate(parts))


def _holds(most: Array, part: Array) -> bool:
    at = np.minimum(np.searchsorted(most, part), len(most) - 1)
    return not len(part) or bool((most[at] == part).all())


def _empty(sources: Array, grid: Grid, made: Callable[..., Array]) -> Sights:
    hours, slots, count = len(grid.hours), grid.slots, len(sources)
    return Sights(
        sources,
        present=np.zeros((hours, slots, count), bool),
        epoch=made((hours, slots, count), np.int16),
        numbers=made((hours, slots, 1 + len(GAUGES), count), np.int32),
        egress=made((hours, slots, count), np.int64),
        doubtful=np.zeros((hours, count), bool),
    )
