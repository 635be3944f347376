"""Samples as PostgreSQL's binary COPY wants them, rows whose bytes sort by key and compare by payload. Pure.

Field for field as COLUMNS: a length before each value, -1 for null. Keys come first, then what a repetition may say otherwise
(when it was reported, how it came), then the payload: two rows say the same when their payloads' bytes are equal.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, count, islice
from operator import lt
from struct import Struct, pack
from typing import Any

from billing.usage.figures import PACKED, WIDTH, Figures
from billing.usage.samples import Gauges

_SIZES = {
    "slot": 8,
    "source": 4,
    "epoch": 2,
    "reported_at": 8,
    "origin": 2,
    "egress_bytes": 8,
    "shape": 4,
    "components": 4,
    **dict.fromkeys(Gauges._fields[:8], 4),
}
COLUMNS = ", ".join(_SIZES)
PAYLOAD = ", ".join([*_SIZES][5:])
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_TEMPLATE = pack(">h", len(_SIZES)) + b"".join(pack(">i", size) + bytes(size) for size in _SIZES.values())
_LENGTH = len(_TEMPLATE)
_ENDS = accumulate((4 + size for size in _SIZES.values()), initial=2)
_PLACES = {name: end - _SIZES[name] for name, end in zip(_SIZES, islice(_ENDS, 1, None), strict=True)}
_USED_AT = _LENGTH - 4 * (4 + 4)  # the last four fields are use
_UNKNOWN = pack(">i", -1) * 4
_ROW = Struct(f"{_LENGTH}s")
_FIXED = ">6xq4xi4xh12x6x4xq" + "4xi" * 6
_KNOWN_BACK = Struct(_FIXED + "4xi" * 4)
_UNKNOWN_BACK = Struct(_FIXED + "16x")
_NOTHING = (None,) * 4
_PIECE = 1000

# Slot in microseconds since PostgreSQL's epoch, source and epoch, then the payload, as a query answers them.
Flat = tuple[Any, ...]


class Records:
    """The rows of a batch, encoded piece by piece when they are asked for: PostgreSQL stores one while the next is made.

    `columns` hold whole numbers that fit, one for each field that is no gauge.
    """

    def __init__(self, columns: Mapping[str, Sequence[int]], figures: Figures) -> None:
        self._columns = columns
        self._figures = figures

    def __len__(self) -> int:
        return len(self._columns["slot"])

    def some(self, rows: Sequence[int]) -> Records:
        """Return some of the rows."""
        chosen = {name: list(map(column.__getitem__, rows)) for name, column in self._columns.items()}
        return Records(chosen, self._figures.some(rows))

    def encoded(self) -> list[bytes]:
        """Return one record a row."""
        rows = [row for (row,) in _ROW.iter_unpack(self._buffer())]
        for row in self._figures.unknown:
            rows[row] = rows[row][:_USED_AT] + _UNKNOWN
        return rows

    def pieces(self) -> Iterator[bytes | bytearray]:
        """Yield what COPY reads, ordered by key."""
        yield HEADER
        if self._is_ordered():
            for start in range(0, len(self), _PIECE):
                yield self._piece(start, start + _PIECE)
        else:
            yield b"".join(self.ordered(self.encoded()))
        yield TRAILER

    def ordered(self, rows: Sequence[bytes]) -> Iterable[bytes]:
        """Return these rows, encoded, ordered by key: the keys' numbers are compared in less time than bytes are."""
        if self._is_ordered():
            return rows
        slots, sources, epochs = (self._columns[name] for name in ("slot", "source", "epoch"))
        alike = len(set(slots)) == len(set(epochs)) == 1
        keys: Sequence[Any] = sources if alike else [*zip(slots, sources, epochs, strict=True)]
        return map(rows.__getitem__, sorted(range(len(rows)), key=keys.__getitem__))

    def _is_ordered(self) -> bool:
        sources = self._columns["source"]
        return len(set(self._columns["slot"])) == 1 and all(map(lt, sources, islice(sources, 1, None)))

    def _piece(self, start: int, end: int) -> bytes | bytearray:
        columns = {name: column[start:end] for name, column in self._columns.items()}
        piece = Records(columns, self._figures.between(start, end))
        return b"".join(piece.encoded()) if piece._figures.unknown else piece._buffer()

    def _buffer(self) -> bytearray:
        """Lay the fields out column by column: a call for each row would take four times as long."""
        buffer = bytearray(_TEMPLATE * len(self))
        halves = memoryview(buffer).cast("H")  # every field begins at an even place
        for name, column in self._columns.items():
            numbers = array("q", column)
            if sys.byteorder == "little":
                numbers.byteswap()
            _lay(halves, name, memoryview(numbers).cast("B").cast("H"), 8 - _SIZES[name], 8)
        block = memoryview(self._figures.block).cast("H")
        for name in _SIZES.keys() & PACKED.keys():
            _lay(halves, name, block, PACKED[name], WIDTH)
        return buffer


def _lay(halves: memoryview[int], name: str, parts: memoryview[int], begin: int, width: int) -> None:
    """Copy a field of all rows, two bytes at once, from where it begins in rows of another width."""
    for half in range(_SIZES[name] // 2):
        place = _PLACES[name] // 2 + half
        halves[place :: _LENGTH // 2] = parts[begin // 2 + half :: width // 2]


def flat(rows: Sequence[bytes]) -> list[Flat]:
    """Return keys and payloads of records as numbers."""
    if all(len(row) == _ROW.size for row in rows):
        return list(map(_KNOWN_BACK.unpack, rows))
    return [
        _KNOWN_BACK.unpack(row) if len(row) == _ROW.size else (*_UNKNOWN_BACK.unpack(row), *_NOTHING)
        for row in rows
    ]


def positions(flags: Iterable[object]) -> list[int]:
    """Return where the true ones stand."""
    return list(compress(count(), flags))
