"""Reads and locks blocks of samples: numbers and bytes come as PostgreSQL has them, not as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from struct import Struct
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
    samples: memoryview


# By the primary key of the days' partitions; a block's evidence lies apart and is not opened. By COPY, which hands each row over
# as it came: as a query's answer it would be copied three times more, which takes longer than reading it.
_READ = """
COPY (
    SELECT extract(epoch FROM slot)::bigint, block, samples FROM usage_slot
    WHERE slot >= %s AND slot < %s AND block = ANY(%s::int[]) ORDER BY block, slot
) TO STDOUT (FORMAT binary)
"""
_ROW = Struct(">hiqiii")  # how many fields; slot and block, each after its length; the length of the samples
_HEAD, _END = 19, b"\xff\xff"  # of the whole answer


def read(first: datetime, last: datetime, blocks: Sequence[int]) -> list[Block]:
    """Return some blocks of [first, last), ordered by block and slot, as the open transaction sees them."""
    found: list[Block] = []
    with connection.cursor() as cursor, cursor.copy(_READ, [first, last, list(blocks)]) as copy:
        link, start = copy.connection.pgconn, _HEAD
        while True:  # a row a message, and a mark of two bytes at the end
            size, row = link.get_copy_data(1)
            if not size:
                link.consume_input()
                size, row = link.get_copy_data(1)
            if not size:
                row = copy.read()  # waits, and lets others work meanwhile
            if len(row) <= start + len(_END):
                break
            _, _, slot, _, block, _ = _ROW.unpack_from(row, start)
            found.append(Block(slot, block, row[start + _ROW.size :]))
            start = 0
        while copy.read():
            pass
    return found


@contextmanager
def binary_cursor() -> Iterator[CursorWrapper]:
    """Open a cursor whose parameters and answers travel in binary, in the same transaction as every other one."""
    connection.ensure_connection()
    inner: Any = _Cursor(connection.connection)
    inner.format = Format.BINARY
    # Whoever counts statements counts these, too.
    make = connection.make_debug_cursor if connection.force_debug_cursor else connection.make_cursor
    with make(inner) as cursor:
        yield cursor
