"""What a batch leaves beside its samples, in their transaction: hours to compute anew, its components' use, its digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import orjson

from billing.usage.checking import Columns
from billing.usage.packed import Array, different
from billing.usage.queries import KEEP_COMPONENT_USE, MARK, REMEMBER_BATCH, Statement, array
from billing.usage.slots import HOUR, MICRO, moment_of

_HOUR = int(HOUR.total_seconds()) * MICRO
_SOURCES = 1 << 31


def notes_of(
    columns: Columns, sources: Array, new: Array, digests: Sequence[tuple[date, bytes]]
) -> list[Statement]:
    """Return how to write what follows from the rows that are new: an hour's marks are one row, and so is its use."""
    if not len(new):
        return []
    hours = columns.slots_at // _HOUR
    statements = [(MARK, _marks(hours[new], sources[new]))]
    if columns.told_use and (used := _use(columns, sources, hours, new)):
        at, told = zip(*used, strict=True)
        statements.append((KEEP_COMPONENT_USE, [[*at], [*told]]))
    if digests:
        days, known = zip(*digests, strict=True)
        statements.append((REMEMBER_BATCH, [[*days], [*known]]))
    return statements


def _marks(hours: Array, sources: Array) -> list[list[object]]:
    first = hours.min()
    keys = different((hours - first) * _SOURCES + sources)
    hours, sources = keys // _SOURCES, keys % _SOURCES
    begins = np.flatnonzero(np.diff(hours, prepend=-1))
    parts = np.split(sources, begins[1:])
    moments: list[object] = [moment_of(int(hour) * _HOUR) for hour in hours[begins] + first]
    return [moments, [array(part.tolist()) for part in parts]]


def _use(columns: Columns, sources: Array, hours: Array, new: Array) -> list[tuple[object, object]]:
    """Return hours and what components used in them; of two that one runtime told in an hour the first."""
    told = np.array([row for row in columns.told_use if columns.uses[row]], np.int64)
    told = told[np.isin(told, new)][::-1]
    found: list[tuple[object, object]] = []
    for hour in different(hours[told]).tolist():
        rows = told[hours[told] == hour]
        uses = map(columns.uses.__getitem__, rows.tolist())
        used = dict(zip(map(str, sources[rows].tolist()), uses, strict=True))
        found.append((moment_of(hour * _HOUR), orjson.dumps(used).decode()))
    return found
