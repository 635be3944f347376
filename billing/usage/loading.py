"""Brings encoded rows into one day's partition, each key once, whoever else does the same at this moment.

A batch that was stored whole is remembered by a digest of its bytes. Rows never change, so the same bytes are duplicates all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import ProgrammingError, connection
from psycopg.errors import UndefinedTable, UniqueViolation

from billing.usage.encoding import COLUMNS, HEADER, PAYLOAD, TRAILER, Flat, Records, flat
from billing.usage.partitions import name_of
from billing.usage.queries import ANY_THERE, KNOWN_BATCH, LOAD, THERE, THERE_WIDE, array
from billing.usage.slots import moment_of

_SLOTS_AT_ONCE = 24
_DIGEST = 16  # bytes


class CrowdedError(Exception):
    """Some of the rows came in meanwhile, or their day has no partition: nothing was loaded, and it is to be looked at closer."""


@dataclass(frozen=True)
class Loaded:
    """What became of the rows; `new` are the numbers of the accepted ones, None: all. `digest` is of those stored whole."""

    accepted: int
    duplicates: int = 0
    conflicts: tuple[int, ...] = ()
    new: tuple[int, ...] | None = None
    digest: bytes | None = None


def load(day: date, records: Records, *, closely: bool) -> Loaded:
    """Load what is not there; inside a transaction. Ordered by key, so that two of these never wait in a circle.

    `closely`: each row is looked up first. Raises CrowdedError: the transaction is to be rolled back and begun again, closely.
    """
    if not closely and not _is_there(day, records):
        return Loaded(len(records), digest=_copy(day, records))
    rows = records.encoded()
    if not closely and _is_known(day, records.ordered(rows)):
        return Loaded(0, len(records), (), ())
    told = flat(rows)
    found = _read(day, told)
    if found == sorted(told):
        return Loaded(0, len(records), (), ())
    there = {row[:3]: row[3:] for row in found}
    new: dict[Flat, int] = {}
    duplicates, conflicts = 0, list[int]()
    for number, row in enumerate(told):
        key, payload = row[:3], row[3:]
        before = there.get(key)
        if before is None:
            there[key], new[key] = payload, number
        elif before == payload:
            duplicates += 1
        else:
            conflicts.append(number)
    if new:
        _copy(day, records.some([*new.values()]))
    return Loaded(len(new), duplicates, tuple(conflicts), tuple(new.values()))


def _is_there(day: date, records: Records) -> bool:
    """Return whether some of three rows are there."""
    some = flat(records.some(sorted({0, len(records) // 2, len(records) - 1})).encoded())
    try:
        with connection.cursor() as cursor:
            cursor.execute(ANY_THERE.format(partition=name_of(day)), _arrays(some))
            return bool(cursor.fetchone()[0])
    except ProgrammingError as error:
        if isinstance(error.__cause__, UndefinedTable):
            raise CrowdedError from error
        raise


def _is_known(day: date, ordered: Iterable[bytes]) -> bool:
    """Return whether exactly these were stored at once."""
    digest = hashlib.blake2b(HEADER, digest_size=_DIGEST)
    digest.update(b"".join(ordered) + TRAILER)
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_BATCH, [day, digest.digest()])
        return bool(cursor.fetchone()[0])


def _copy(day: date, records: Records) -> bytes:
    """Load all of these, and return their digest; raises CrowdedError where one is there."""
    statement = LOAD.format(partition=name_of(day), columns=COLUMNS)
    digest = hashlib.blake2b(digest_size=_DIGEST)
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in records.pieces():
                copy.write(piece)
                digest.update(piece)
    except UniqueViolation as error:
        raise CrowdedError from error
    return digest.digest()


def _read(day: date, rows: Sequence[Flat]) -> list[Flat]:
    """Return what is there of these rows' keys, in their order, and maybe a few others."""
    slots, sources = {row[0] for row in rows}, {row[1] for row in rows}
    wide = len(slots) <= _SLOTS_AT_ONCE and len(slots) * len(sources) <= 2 * len(rows)
    values: list[Any] = [list(map(moment_of, slots)), array(sources)] if wide else _arrays(rows)
    statement = (THERE_WIDE if wide else THERE).format(partition=name_of(day), payload=PAYLOAD)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[Flat] = cursor.fetchall()
    return found


def _arrays(rows: Sequence[Flat]) -> list[Any]:
    return [[moment_of(row[0]) for row in rows], array(row[1] for row in rows), array(row[2] for row in rows)]
