"""Which small number stands for a runtime and when it lived: remembered, for neither changes, save that an end comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from threading import Lock
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from billing.usage.packed import Array
from billing.usage.queries import GONE_SINCE, SOURCES
from billing.usage.slots import micros
from controlplane.kernel.clock import utcnow

ENDLESS = 2**62
# Ends are dated back by as much as the transaction that writes them lasts; the hours' spans cut samples exactly anyway.
_SLACK = timedelta(hours=1)

Life = tuple[int, int, int]  # its number; born and gone in microseconds of PostgreSQL's
_NO_LIFE: Life = (0, 0, 0)


class _Memory:
    def __init__(self) -> None:
        self.lock = Lock()
        self.known: dict[int, Life] = {}
        self.looked_at: datetime | None = None


_memory = _Memory()


def lives_of(wanted: Sequence[int]) -> Array:
    """Return the lives of runtimes, by UUID.int, as an array (row, 3), zeros for who is unknown; two queries at most."""
    known, new = _memory.known, dict[int, Life]()
    began = utcnow()
    # What another transaction must not see yet, this process must not remember.
    transaction.on_commit(lambda: _remember(new, began))
    if _memory.looked_at is not None:
        told = _told(GONE_SINCE, _memory.looked_at - _SLACK)
        new |= {number: life for number, life in told.items() if known.get(number) != life}
    if not new:
        try:
            return _lives(known, wanted)
        except KeyError:
            pass  # somebody is met for the first time
    if missing := set(wanted).difference(known, new):
        new |= _told(SOURCES, [UUID(int=number) for number in missing])
    met = {**known, **new}
    return _lives({**dict.fromkeys(set(wanted).difference(met), _NO_LIFE), **met}, wanted)


def forget() -> None:
    """Forget everything: for tests, whose databases are emptied."""
    with _memory.lock:
        _memory.known, _memory.looked_at = {}, None


def _remember(new: dict[int, Life], began: datetime) -> None:
    with _memory.lock:
        _memory.known |= new
        _memory.looked_at = began


def _lives(known: Mapping[int, Life], wanted: Sequence[int]) -> Array:
    numbers = chain.from_iterable(map(known.__getitem__, wanted))
    return np.fromiter(numbers, np.int64, 3 * len(wanted)).reshape(-1, 3)


def _told(statement: str, value: datetime | list[UUID]) -> dict[int, Life]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [value])
        return {row[1].int: _life(*row) for row in cursor}


def _life(source: int, _runtime: UUID, born: datetime, gone: datetime | None) -> Life:
    return source, micros(born), ENDLESS if gone is None else micros(gone)
