"""Says which hours must be computed anew, in the transaction that changed them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from billing.usage.queries import MARK, array
from billing.usage.slots import hour_of


def mark(slots: Sequence[datetime], sources: Sequence[int], rows: Sequence[int]) -> None:
    """Mark the hours of these rows for their sources: one row an hour."""
    if not rows:
        return
    hours = {slot: hour_of(slot) for slot in set(slots)}
    found: dict[datetime, set[int]] = {}
    if len(rows) == len(slots) and len(set(hours.values())) == 1:
        found = {next(iter(hours.values())): set(sources)}
    else:
        for row in rows:
            found.setdefault(hours[slots[row]], set()).add(sources[row])
    with connection.cursor() as cursor:
        for hour, whose in sorted(found.items()):
            cursor.execute(MARK, [hour, array(sorted(whose))])
