"""A batch's gauges as one block of memory: a look at a hundred thousand numbers costs what a look at a few does. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, starmap
from typing import Any

from billing.usage.samples import Gauges

LARGEST = 2**31 - 1
LARGEST_BYTES = 2**50  # a pebibyte between two samples
_BYTES, _LONG = "egress_bytes", 8
_NO_USE = dict.fromkeys(Gauges._fields[4:8], 0)
_SIZES = [_LONG if name == _BYTES else 4 for name in Gauges._fields]
PACKED = dict(
    zip(Gauges._fields, accumulate(_SIZES, initial=0), strict=False)
)  # where each begins in its row
_ROW = struct.Struct(">" + "".join("q" if size == _LONG else "i" for size in _SIZES))  # as COPY wants them
WIDTH = _ROW.size


@dataclass(frozen=True)
class Figures:
    """Whole numbers, packed row by row in the order of `Gauges`; use that isn't known is 0, and its rows are `unknown`."""

    block: bytes
    unknown: Sequence[int]

    def between(self, start: int, end: int) -> Figures:
        """Return the figures of these rows."""
        block = self.block[start * WIDTH : end * WIDTH]
        return Figures(block, [row - start for row in self.unknown if start <= row < end])

    def some(self, rows: Sequence[int]) -> Figures:
        """Return the figures of some rows."""
        block = b"".join([self.block[row * WIDTH : (row + 1) * WIDTH] for row in rows])
        unknown = set(self.unknown)
        return Figures(block, [place for place, row in enumerate(rows) if row in unknown])

    @property
    def are_small(self) -> bool:
        """Whether none is negative or may be too large: no bit is set that no good number has."""
        return not int.from_bytes(self.block, "big") & _forbidden(len(self.block) // WIDTH)


def figures_of(gauges: Sequence[Gauges]) -> Figures | None:
    """Return the block, or None where some gauge is no whole number that fits."""
    try:
        return Figures(_packed(gauges), ())
    except struct.error:  # some use isn't known, or there is a fault
        unknown = [row for row, values in enumerate(gauges) if values[4] is None]
    known = list(gauges)
    for row in unknown:
        if any(value is not None for value in gauges[row][4:8]):
            return None
        known[row] = gauges[row]._replace(**_NO_USE)
    try:
        return Figures(_packed(known), unknown)
    except struct.error:
        return None


def _packed(gauges: Sequence[Any]) -> bytes:
    return b"".join(starmap(_ROW.pack, gauges))


@lru_cache(maxsize=4)
def _forbidden(rows: int) -> int:
    """Return the bits that are set in no good row."""
    largest = (LARGEST_BYTES - 1 if name == _BYTES else LARGEST for name in Gauges._fields)
    row = _ROW.pack(*(~number for number in largest))
    return int.from_bytes(row * rows, "big")
