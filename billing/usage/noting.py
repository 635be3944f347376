"""What a batch leaves beside its samples, in their transaction: hours to compute anew, its components' use, its digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import orjson
from django.db import connection

from billing.usage.checking import Columns
from billing.usage.queries import KEEP_COMPONENT_USE, MARK, REMEMBER_BATCH, all_at_once, array
from billing.usage.slots import hour_of


class Notes:
    """Gathers them, a day's part of the batch after the other, and writes them in one statement."""

    def __init__(self, columns: Columns, sources: Sequence[int]) -> None:
        self._columns = columns
        self._sources = sources
        self._hour_of = {slot: hour_of(slot) for slot in columns.different_slots}
        self._digests: list[tuple[date, bytes]] = []
        self._hours: dict[datetime, set[int]] = {}
        self._used: dict[datetime, dict[str, Any]] = {}

    def remember(self, day: date, digest: bytes) -> None:
        """Note that a day's part of the batch was stored whole."""
        self._digests.append((day, digest))

    def stored(self, rows: Sequence[int]) -> None:
        """Note rows that are new."""
        if not rows:
            return
        hours = set(self._hour_of.values())
        if len(rows) == len(self._sources) and len(hours) == 1:
            self._hours[hours.pop()] = set(self._sources)
        else:
            for row in rows:
                hour = self._hour_of[self._columns.slots[row]]
                self._hours.setdefault(hour, set()).add(self._sources[row])
        self._note_use(rows if isinstance(rows, range) else set(rows))

    def _note_use(self, stored: range | set[int]) -> None:
        columns = self._columns
        for row in columns.told_use:
            if row in stored and (use := columns.uses[row]):
                hour = self._hour_of[columns.slots[row]]
                self._used.setdefault(hour, {})[str(self._sources[row])] = use

    def write(self) -> None:
        """Write what was gathered: an hour's marks are one row, and so is its use."""
        statements: list[tuple[str, Sequence[Any]]] = [(REMEMBER_BATCH, noted) for noted in self._digests]
        for hour, whose in sorted(self._hours.items()):
            statements.append((MARK, (hour, array(sorted(whose)))))
        for hour, used in sorted(self._used.items()):
            statements.append((KEEP_COMPONENT_USE, (hour, orjson.dumps(used).decode())))
        if statements:
            with connection.cursor() as cursor:
                cursor.execute(*all_at_once(statements))
