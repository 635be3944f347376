"""Reads and writes hours in their blocks, in the transaction that makes them: who makes an hour holds its lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from billing.usage import rolling_queries as sql
from billing.usage.packed_hours import Array, Parts, gappy_of, unpack

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

Place = tuple[datetime, int]  # an hour, and a block


def stored(cursor: CursorWrapper, hours: Sequence[datetime], blocks: Sequence[int]) -> dict[Place, Array]:
    """Return the records that these hours have in these blocks."""
    cursor.execute(sql.BLOCKS, [list(hours), list(blocks)])
    return {(hour, block): unpack(held) for hour, block, held in cursor.fetchall()}


def put(cursor: CursorWrapper, made: Mapping[Place, Parts]) -> None:
    """Write blocks whole, over what is there."""
    if made:
        places, parts = zip(*sorted(made.items()), strict=True)
        columns = [*zip(*places, strict=True), *zip(*parts, strict=True)]
        cursor.execute(sql.PUT, [list(column) for column in columns])


def gappy(
    cursor: CursorWrapper, hours: Sequence[datetime], blocks: Sequence[int]
) -> dict[datetime, list[Array]]:
    """Return the sources with gaps of these hours, a list for each block that has some."""
    cursor.execute(sql.GAPPY, [list(hours), list(blocks)])
    found: dict[datetime, list[Array]] = {}
    for hour, sources in cursor.fetchall():
        found.setdefault(hour, []).append(gappy_of(sources))
    return found
