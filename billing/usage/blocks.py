"""Reads and locks blocks of samples: numbers and bytes come as PostgreSQL has them, not as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg.pq import Format

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


_Cursor: Any = ServerBindingCursor  # its own annotations are of an older driver


class Block(NamedTuple):
    """One slot (its first moment, in seconds since 1970) of 512 sources; `packed` reads `samples`."""

    slot: int
    block: int
    samples: bytes


# By the primary key of the days' partitions; a block's evidence lies apart and is not opened.
_READ = """
SELECT extract(epoch FROM slot)::bigint, block, samples FROM usage_slot
WHERE slot >= %s AND slot < %s{chosen} ORDER BY block, slot
"""
_ALL = _READ.format(chosen="")
_SOME = _READ.format(chosen=" AND block = ANY(%s::int[])")


def read(first: datetime, last: datetime, blocks: Sequence[int] | None = None) -> list[Block]:
    """Return the blocks of [first, last), all or some, ordered by block and slot, as the open transaction sees them."""
    with binary_cursor() as cursor:
        if blocks is None:
            cursor.execute(_ALL, [first, last])
        else:
            cursor.execute(_SOME, [first, last, list(blocks)])
        return [Block(*row) for row in cursor.fetchall()]


@contextmanager
def binary_cursor() -> Iterator[CursorWrapper]:
    """Open a cursor whose parameters and answers travel in binary, in the same transaction as every other one."""
    connection.ensure_connection()
    inner: Any = _Cursor(connection.connection)
    inner.format = Format.BINARY
    with connection.make_cursor(inner) as cursor:
        yield cursor
