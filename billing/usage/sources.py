"""Which small number stands for a runtime and when it lived: remembered, for neither changes, save that an end comes."""

from __future__ import annotations

from collections.abc import Sequence
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
    known = _up_to_date(wanted)
    try:
        lives = chain.from_iterable(map(known.__getitem__, wanted))
        return np.fromiter(lives, np.int64, 3 * len(wanted)).reshape(-1, 3)
    except KeyError:
        return np.array([known.get(number, _NO_LIFE) for number in wanted], np.int64)


def _up_to_date(wanted: Sequence[int]) -> dict[int, Life]:
    known, new = _memory.known, dict[int, Life]()
    began = utcnow()
    with connection.cursor() as cursor:
        if _memory.looked_at is not None:
            cursor.execute(GONE_SINCE, [_memory.looked_at - _SLACK])
            new = {row[1].int: _life(*row) for row in cursor}
        if missing := set(wanted).difference(known, new):
            cursor.execute(SOURCES, [[UUID(int=number) for number in missing]])
            new |= {row[1].int: _life(*row) for row in cursor}
    new = {number: life for number, life in new.items() if known.get(number) != life}
    # What another transaction must not see yet, this process must not remember.
    transaction.on_commit(lambda: _remember(new, began))
    return {**known, **new} if new else known


def forget() -> None:
    """Forget everything: for tests, whose databases are emptied."""
    with _memory.lock:
        _memory.known, _memory.looked_at = {}, None


def _remember(new: dict[int, Life], began: datetime) -> None:
    with _memory.lock:
        _memory.known |= new
        _memory.looked_at = began


def _life(source: int, _runtime: UUID, born: datetime, gone: datetime | None) -> Life:
    return source, micros(born), ENDLESS if gone is None else micros(gone)
