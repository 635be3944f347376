"""Makes some hours of one day in an open transaction: reads spans once and samples block by block, writes what came out different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings

from billing.usage import blocks, hour_blocks
from billing.usage import rolling_queries as sql
from billing.usage.blocks import Block
from billing.usage.hour_blocks import Place
from billing.usage.integrate import GAP_SECONDS
from billing.usage.packed import BLOCK_SIZE, Array
from billing.usage.packed_hours import HOUR as RECORD
from billing.usage.packed_hours import Parts, joined, ordered, pack, replaced
from billing.usage.partitions import hours_name_of, make_hours
from billing.usage.plain_hours import make_plain
from billing.usage.sights import Grid, sights_of
from billing.usage.slots import HOUR
from billing.usage.spans import spans_between
from billing.usage.uneven_hours import make_uneven, reach

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

_BLOCKS_AT_ONCE = 144  # of samples: four megabytes
_FEW, _FEW_OF = 50, 20  # a twentieth of all sources: beyond, reading everybody's spans is quicker
_GAP = timedelta(seconds=GAP_SECONDS)
_NONE = np.empty(0, RECORD)


class Making:
    """The hours in `dirty`, for the sources that it names by hour; neighbouring hours, oldest first."""

    def __init__(self, cursor: CursorWrapper, dirty: Mapping[datetime, Array]) -> None:
        self._cursor = cursor
        self._dirty = dirty
        self._hours = sorted(dirty)
        self._first, self._last = self._hours[0], self._hours[-1] + HOUR
        length = settings.USAGE_SLOT_SECONDS
        open_end, self._again, every, stands, self._now = self._facts()
        if not stands:
            make_hours(self._first)
        numbers = tuple(int(hour.timestamp()) for hour in self._hours)
        self._grid = Grid(numbers, length, tuple(hour in open_end for hour in self._hours))
        sources = np.unique(np.concatenate([*dirty.values()]))
        few = len(sources) <= max(_FEW, every // _FEW_OF)
        self._spans = spans_between(cursor, self._first, self._last, sources if few else None)
        self._blocks = np.unique(sources // BLOCK_SIZE).tolist()

    def make(self) -> None:
        """Make them."""
        at_once = max(1, _BLOCKS_AT_ONCE // (len(self._hours) * self._grid.slots))
        for start in range(0, len(self._blocks), at_once):
            some = self._blocks[start : start + at_once]
            samples = self._samples(self._first, self._last, some)
            before = hour_blocks.stored(self._cursor, self._hours, some) if self._again else {}
            made = dict(made for block in some for made in self._make(block, samples.get(block, []), before))
            hour_blocks.put(self._cursor, made)

    def _make(
        self, block: int, samples: Sequence[Block], before: Mapping[Place, Array]
    ) -> Iterator[tuple[Place, Parts]]:
        """Yield the hours of a block that come out different."""
        wanted = [self._of_block(sources, block) for sources in (self._dirty[hour] for hour in self._hours)]
        sights = sights_of(samples, np.unique(np.concatenate(wanted)), self._grid)
        dirty = np.zeros((len(self._hours), len(sights.sources)), bool)
        for number, sources in enumerate(wanted):
            dirty[number, np.searchsorted(sights.sources, sources)] = True
        plain = make_plain(sights, self._grid, self._spans.lasting(sights.sources, self._grid.hours), dirty)
        uneven = [sights.sources[row] for row in plain.uneven]
        if any(map(len, uneven)):
            samples = [*samples, *self._around(block)]
        for number, hour in enumerate(self._hours):
            fresh = plain.records[plain.bounds[number] : plain.bounds[number + 1]]
            if len(uneven[number]):
                start, length = self._grid.hours[number], self._grid.length
                more = make_uneven(samples, uneven[number], self._spans, hour=start, length=length)
                fresh = ordered(joined([fresh, more]))
            old = before.get((hour, block), _NONE)
            records = replaced(old, fresh, wanted[number], now=self._now)
            if records is not None:
                yield (hour, block), pack(records, block)

    def _around(self, block: int) -> list[Block]:
        """Return what is seen before and after, as far as it may decide."""
        far = timedelta(seconds=reach(self._grid.length))
        before = blocks.read(self._first - far, self._first, [block])
        return [*before, *blocks.read(self._last, self._last + far, [block])]

    def _samples(self, first: datetime, last: datetime, some: Sequence[int]) -> dict[int, list[Block]]:
        found = blocks.read(first, last, some)
        return {block: list(held) for block, held in groupby(found, key=attrgetter("block"))}

    def _of_block(self, sources: Array, block: int) -> Array:
        start, end = np.searchsorted(sources, [block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE])
        return sources[start:end]

    def _facts(self) -> tuple[list[datetime], bool, int, bool, int]:
        hours, partition = self._hours, hours_name_of(self._first)
        values: list[Any] = [hours, _GAP, self._first + HOUR, self._last + _GAP, hours, partition]
        self._cursor.execute(sql.FACTS, values)
        found: tuple[list[datetime], bool, int, bool, int] = self._cursor.fetchone()
        return found
