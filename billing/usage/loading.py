"""Brings encoded rows into one day's partition, each key once, whoever else does the same at this moment.

A batch that was stored whole is remembered by a digest of its bytes. Rows never change, so the same bytes are duplicates all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from billing.usage.encoding import COLUMNS, PAYLOAD, Flat, file_of, flat
from billing.usage.partitions import name_of
from billing.usage.queries import ANY_THERE, LOAD, REMEMBER_BATCH, THERE, THERE_WIDE, array
from billing.usage.slots import moment_of

_MOST_TRIES = 50
_SLOTS_AT_ONCE = 24


@dataclass(frozen=True)
class Loaded:
    """What became of the rows; `new` are the numbers of the accepted ones, None: all."""

    accepted: int
    duplicates: int = 0
    conflicts: tuple[int, ...] = ()
    new: tuple[int, ...] | None = None


def load(day: date, rows: Sequence[bytes]) -> Loaded:
    """Load what is not there; inside a transaction. Ordered by key, so that two of these never wait in a circle."""
    ordered = sorted(rows)
    file = file_of(ordered)
    digest = hashlib.blake2b(file, digest_size=16).digest()
    is_there, is_known = _is_there(day, ordered, digest)
    if is_there and is_known:
        return Loaded(0, len(rows), (), ())
    if not is_there and _copy(day, file):
        with connection.cursor() as cursor:
            cursor.execute(REMEMBER_BATCH, [day, digest])
        return Loaded(len(rows))
    told = flat(rows)
    for _ in range(_MOST_TRIES):
        found = _read(day, told)
        if found == sorted(told):
            return Loaded(0, len(rows), (), ())
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
        # Somebody may have loaded some of these since we looked: then we look again.
        if not new or _copy(day, file_of(sorted(rows[number] for number in new.values()))):
            return Loaded(len(new), duplicates, tuple(conflicts), tuple(new.values()))
    raise IntegrityError(f"samples of {day} change faster than they can be loaded")


def _is_there(day: date, rows: Sequence[bytes], digest: bytes) -> tuple[bool, bool]:
    """Return whether some of these rows are there, and whether exactly these were stored at once."""
    some = flat([rows[number] for number in sorted({0, len(rows) // 2, len(rows) - 1})])
    with connection.cursor() as cursor:
        cursor.execute(ANY_THERE.format(partition=name_of(day)), [*_arrays(some), day, digest])
        is_there, is_known = cursor.fetchone()
    return is_there, is_known


def _copy(day: date, file: bytes) -> bool:
    """Load all of these, or none where one is there."""
    statement = LOAD.format(partition=name_of(day), columns=COLUMNS)
    try:
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(file)
    except (IntegrityError, UniqueViolation):
        return False
    return True


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
