"""Samples as PostgreSQL's binary COPY wants them, rows whose bytes sort by key and compare by payload. Pure.

Field for field as COLUMNS: a length before each value, -1 for null. Keys come first, then what a repetition may say otherwise
(when it was reported, how it came), then the payload: two rows say the same when their payloads' bytes are equal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import compress, count, repeat, starmap
from typing import Any

PAYLOAD = (
    "egress_bytes, shape, components, workload_requested_millicores, workload_requested_mib, platform_requested_millicores,"
    " platform_requested_mib, workload_used_millicores, workload_used_mib, platform_used_millicores, platform_used_mib"
)
COLUMNS = f"slot, source, epoch, reported_at, origin, {PAYLOAD}"
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_FIELDS = 16
_FRONT = ">h iq ii ih iq ih iq" + "ii" * 6
_KNOWN = struct.Struct(_FRONT + "ii" * 4)
_UNKNOWN = struct.Struct(_FRONT + "i" * 4)
_FIXED = ">6xq4xi4xh12x6x4xq" + "4xi" * 6
_KNOWN_BACK = struct.Struct(_FIXED + "4xi" * 4)
_UNKNOWN_BACK = struct.Struct(_FIXED + "16x")
_SIZES = (8, 4, 2, 8, 2, 8, *(4,) * 10)
_NULLS = (-1,) * 4

_NOTHING = (None,) * 4

# Slot in microseconds since PostgreSQL's epoch, source and epoch, then the payload, as a query answers them.
Flat = tuple[Any, ...]


def encode(columns: Sequence[Iterable[int]], used: Sequence[Sequence[int | None]]) -> list[bytes]:
    """Return one record a row: `columns` are the twelve that are always known, `used` the four that may not be."""
    with_sizes: list[Iterable[int]] = [repeat(_FIELDS)]
    for size, column in zip(_SIZES, columns, strict=False):
        with_sizes += [repeat(size), column]
    if None not in used[0]:
        known = [part for column in used for part in (repeat(4), column)]
        return list(starmap(_KNOWN.pack, zip(*with_sizes, *known, strict=False)))
    rows = []
    for front, *use in zip(zip(*with_sizes, strict=False), *used, strict=False):
        if use[0] is None:
            rows.append(_UNKNOWN.pack(*front, *_NULLS))
        else:
            rows.append(_KNOWN.pack(*front, 4, use[0], 4, use[1], 4, use[2], 4, use[3]))
    return rows


def flat(rows: Sequence[bytes]) -> list[Flat]:
    """Return keys and payloads of records as numbers."""
    if all(len(row) == _KNOWN.size for row in rows):
        return list(map(_KNOWN_BACK.unpack, rows))
    return [
        _KNOWN_BACK.unpack(row) if len(row) == _KNOWN.size else (*_UNKNOWN_BACK.unpack(row), *_NOTHING)
        for row in rows
    ]


def file_of(rows: Sequence[bytes]) -> bytes:
    """Return what COPY reads."""
    return b"".join((HEADER, *rows, TRAILER))


def positions(flags: Iterable[object]) -> list[int]:
    """Return where the true ones stand."""
    return list(compress(count(), flags))
