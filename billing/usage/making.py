"""Makes some hours of one day in an open transaction: reads spans once, samples block by block, writes what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
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
from billing.usage.packed_hours import SIZE, Parts, joined, ordered, pack, replaced, unpack
from billing.usage.partitions import hours_name_of, make_hours
from billing.usage.plain_hours import make_plain
from billing.usage.sights import Grid, ascending, sights_of
from billing.usage.slots import HOUR
from billing.usage.spans import spans_between
from billing.usage.uneven_hours import make_uneven, reach

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

_BLOCKS_AT_ONCE = 144  # of samples that are read: four megabytes
_HOURS_AT_ONCE = 6  # whose samples stay near the processor while they are added up
_FEW, _FEW_OF = 50, 20  # a twentieth of all sources: beyond, reading everybody's spans is quicker
_GAP = timedelta(seconds=GAP_SECONDS)


class Making:
    """The hours in `dirty`, for the sources that it names by hour; neighbouring hours, oldest first.

    Where it is `blind`, nothing that was seen counts: all the time that they lived comes out as unknown.
    """

    def __init__(
        self, cursor: CursorWrapper, dirty: Mapping[datetime, Array], *, blind: bool = False
    ) -> None:
        self._cursor = cursor
        self._blind = blind
        self._dirty = dirty
        self._hours = sorted(dirty)
        self._first, self._last = self._hours[0], self._hours[-1] + HOUR
        length = settings.USAGE_SLOT_SECONDS
        open_end, self._again, every, stands, self._now = self._facts()
        if not stands:
            make_hours(self._first)
        self._grids = [
            Grid(
                tuple(int(hour.timestamp()) for hour in some),
                length,
                tuple(hour in open_end for hour in some),
            )
            for some in (
                self._hours[at : at + _HOURS_AT_ONCE] for at in range(0, len(self._hours), _HOURS_AT_ONCE)
            )
        ]
        sources = ascending([*dirty.values()])
        few = len(sources) <= max(_FEW, every // _FEW_OF)
        self._spans = spans_between(cursor, self._first, self._last, sources if few else None)
        self._blocks = np.unique(sources // BLOCK_SIZE).tolist()
        self._beside: dict[int, list[Block]] = {}  # of one block: they come one after the other

    def make(self) -> None:
        """Make them."""
        at_once = max(1, _BLOCKS_AT_ONCE // (len(self._hours) * self._grids[0].slots))
        for start in range(0, len(self._blocks), at_once):
            some = self._blocks[start : start + at_once]
            samples = self._samples(self._first, self._last, some)
            before = self._before(some) if self._again else {}
            made = [
                made
                for block in some
                for grid in self._grids
                for made in self._make(grid, block, samples.get(block, []), before)
            ]
            changed = {place: parts for place, parts in made if parts.hours != before.get(place, b"")}
            hour_blocks.put(self._cursor, changed, over=before)

    def _make(
        self, grid: Grid, block: int, samples: Sequence[Block], before: Mapping[Place, bytes]
    ) -> Iterator[tuple[Place, Parts]]:
        """Yield some hours of a block of samples in their own blocks."""
        hours = [datetime.fromtimestamp(hour, UTC) for hour in grid.hours]
        wanted = [self._of_block(self._dirty[hour], block) for hour in hours]
        sights = sights_of(samples, ascending(wanted), grid)
        dirty = np.zeros((len(hours), len(sights.sources)), bool)
        for number, sources in enumerate(wanted):
            dirty[number, np.searchsorted(sights.sources, sources)] = True
        plain = make_plain(sights, grid, self._spans.lasting(sights.sources, grid.hours), dirty)
        fresh = [plain.records[start:end] for start, end in pairwise(plain.bounds.tolist())]
        around = [*samples, *self._around(grid.length, block)] if plain.uneven.any() else []
        for number in np.nonzero(plain.uneven.any(axis=1))[0].tolist():
            hour, sources = grid.hours[number], sights.sources[plain.uneven[number]]
            more = make_uneven(around, sources, self._spans, hour=hour, length=grid.length)
            fresh[number] = ordered(joined([fresh[number], more]))
        records = [
            replaced(self._old(hour, block, before), fresh[number], wanted[number], now=self._now)
            for number, hour in enumerate(hours)
        ]
        for number, place, parts in pack(records, block):
            yield (hours[number], place), parts

    def _before(self, some: Sequence[int]) -> dict[Place, bytes]:
        places = np.unique(np.concatenate([*self._dirty.values()]) // SIZE)
        places = places[np.isin(places * SIZE // BLOCK_SIZE, some)]
        return hour_blocks.stored(self._cursor, self._hours, places.tolist())

    def _old(self, hour: datetime, block: int, before: Mapping[Place, bytes]) -> Array:
        """Return the records of an hour that are there, of those blocks in which any changes."""
        places = range(block * BLOCK_SIZE // SIZE, (block + 1) * BLOCK_SIZE // SIZE) if before else ()
        return joined([unpack(before[hour, place]) for place in places if (hour, place) in before])

    def _around(self, length: int, block: int) -> list[Block]:
        """Return what is seen before and after all of the hours, as far as it may decide about some of them."""
        if self._blind:
            return []
        if block not in self._beside:
            far = timedelta(seconds=reach(length))
            before = blocks.read(self._first - far, self._first, [block])
            self._beside = {block: [*before, *blocks.read(self._last, self._last + far, [block])]}
        return self._beside[block]

    def _samples(self, first: datetime, last: datetime, some: Sequence[int]) -> dict[int, list[Block]]:
        found = [] if self._blind else blocks.read(first, last, some)
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
