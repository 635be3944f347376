"""What a batch leaves beside its samples, in their transaction: hours to compute anew, its components' use, its digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import orjson
from django.db import connection

from billing.usage.checking import Columns
from billing.usage.packed import Array
from billing.usage.queries import KEEP_COMPONENT_USE, MARK, REMEMBER_BATCH, all_at_once, array
from billing.usage.slots import HOUR, MICRO, hour_of, moment_of

_HOUR = int(HOUR.total_seconds()) * MICRO


def note(columns: Columns, sources: Array, new: Array, digests: Sequence[tuple[date, bytes]]) -> None:
    """Write what follows from the rows that are new: an hour's marks are one row, and so is its use."""
    statements: list[tuple[str, Sequence[Any]]] = [(REMEMBER_BATCH, noted) for noted in digests]
    hours = columns.slots_at[new] // _HOUR
    for hour in np.unique(hours).tolist():
        whose = np.unique(sources[new[hours == hour]])
        statements.append((MARK, (moment_of(hour * _HOUR), array(whose.tolist()))))
    for moment, used in sorted(_use(columns, sources, new).items()):
        statements.append((KEEP_COMPONENT_USE, (moment, orjson.dumps(used).decode())))
    if statements:
        with connection.cursor() as cursor:
            cursor.execute(*all_at_once(statements))


def _use(columns: Columns, sources: Array, new: Array) -> dict[datetime, dict[str, Any]]:
    found: dict[datetime, dict[str, Any]] = {}
    told = np.array(columns.told_use, np.int64)
    for row in told[np.isin(told, new)].tolist():
        if use := columns.uses[row]:
            found.setdefault(hour_of(columns.slots[row]), {})[str(sources[row])] = use
    return found
