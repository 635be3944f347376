"""Reads and writes hours in their blocks, in the transaction that makes them: who makes an hour holds its lock."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from struct import Struct
from typing import TYPE_CHECKING

from django.db import connection

from billing.usage import rolling_queries as sql
from billing.usage.packed_hours import Array, Parts, gappy_of
from billing.usage.partitions import hours_name_of
from billing.usage.slots import micros

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

Place = tuple[datetime, int]  # an hour, and a block

_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_KEY, _LENGTH = (
    Struct(">hiqii"),
    Struct(">i"),
)  # how many fields; hour and block, each after its length; a length


def stored(cursor: CursorWrapper, hours: Sequence[datetime], blocks: Sequence[int]) -> dict[Place, bytes]:
    """Return the records that these hours have in these blocks, ordered; the cursor answers in binary."""
    cursor.execute(sql.BLOCKS, [list(hours), list(blocks)])
    return {(hour, block): held for hour, block, held in cursor.fetchall()}


def put(cursor: CursorWrapper, made: Mapping[Place, Parts], *, over: Container[Place]) -> None:
    """Write blocks of one month whole; those that lie `over` one that is there take its place."""
    new = [place for place in made if place not in over]
    old = [place for place in made if place in over]
    if new:
        rows = [piece for place in new for piece in _row(place, made[place])]
        load = sql.LOAD.format(partition=hours_name_of(new[0][0]))
        with connection.cursor() as other, other.copy(load) as copy:
            copy.write(b"".join([_HEADER, *rows, _TRAILER]))
    if old:
        hours = [hour for hour, _ in old]
        parts = [
            [bytes(part) for part in column] for column in zip(*(made[place] for place in old), strict=True)
        ]
        cursor.execute(sql.REPLACE, [hours, [block for _, block in old], *parts, min(hours), max(hours)])


def gappy(
    cursor: CursorWrapper, hours: Sequence[datetime], blocks: Sequence[int]
) -> dict[datetime, list[Array]]:
    """Return the sources with gaps of these hours, a list for each block that has some."""
    cursor.execute(sql.GAPPY, [list(hours), list(blocks)])
    found: dict[datetime, list[Array]] = {}
    for hour, sources in cursor.fetchall():
        found.setdefault(hour, []).append(gappy_of(sources))
    return found


def _row(place: Place, parts: Parts) -> Iterable[bytes | memoryview]:
    """Encode a row as COPY reads it."""
    hour, block = place
    yield _KEY.pack(len(place) + len(parts), 8, micros(hour), 4, block)
    for part in parts:
        yield _LENGTH.pack(len(part))
        yield part
