"""What a batch leaves beside its samples, in their transaction: hours to compute anew, its components' use, its digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import orjson

from billing.usage.blocks import binary_cursor
from billing.usage.checking import Columns
from billing.usage.packed import Array, different
from billing.usage.queries import KEEP_COMPONENT_USE, MARK, REMEMBER_BATCH, all_at_once, array
from billing.usage.slots import HOUR, MICRO, moment_of

_HOUR = int(HOUR.total_seconds()) * MICRO


def note(columns: Columns, sources: Array, new: Array, digests: Sequence[tuple[date, bytes]]) -> None:
    """Write what follows from the rows that are new: an hour's marks are one row, and so is its use."""
    statements: list[tuple[str, Sequence[Any]]] = [(REMEMBER_BATCH, noted) for noted in digests]
    hours = columns.slots_at // _HOUR
    for hour in different(hours[new]).tolist():
        whose = different(sources[new[hours[new] == hour]])
        statements.append((MARK, (moment_of(hour * _HOUR), array(whose.tolist()))))
    for hour, used in _use(columns, sources, hours, new):
        statements.append((KEEP_COMPONENT_USE, (moment_of(hour * _HOUR), orjson.dumps(used).decode())))
    if statements:
        with binary_cursor() as cursor:
            cursor.execute(*all_at_once(statements))


def _use(columns: Columns, sources: Array, hours: Array, new: Array) -> Iterator[tuple[int, dict[str, Any]]]:
    told = np.array(columns.told_use, np.int64)
    told = told[np.isin(told, new)]
    for hour in different(hours[told]).tolist():
        rows = told[hours[told] == hour].tolist()
        if used := {str(sources[row]): use for row in rows if (use := columns.uses[row])}:
            yield hour, used
