"""Makes a day's components over the fleet, so that a runtime that comes late costs what it is, not what the fleet is.

What is asked for is kept by neighbours: sources in a row of ids, made anew together whenever one of them is. What is used is told
in rows of whole batches, each read once; of a source and hour the first counts. A day is the sum of its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from billing.footprint import component_queries as sql
from billing.usage.packed import BLOCK_SIZE
from billing.usage.queries import array
from billing.usage.slots import DAY, start_of

WIDTH = 128  # neighbours, all in one block of samples: another number would need every day that is kept to be made anew
FEW = 4  # up to a fourth of the neighbours are read one by one, more in one pass over the day


def make_components(cursor: Any, day: date, sources: Sequence[int]) -> None:
    """Make a day anew for these sources, or for all where it was not made like this before or a plan changed."""
    start = start_of(day)
    length = timedelta(seconds=settings.USAGE_SLOT_SECONDS)
    values = {
        "day": day, "start": start, "end": start + DAY, "length": length, "seconds": settings.USAGE_SLOT_SECONDS,
        "width": WIDTH, "size": BLOCK_SIZE, "sources": array(sources),
        "neighbours": array(sorted({source // WIDTH for source in sources})),
    }  # fmt: skip
    cursor.execute(sql.ROOM)
    if _is_whole(cursor, values, sources):
        for statement in (sql.FORGET_ASKED, sql.FORGET_USED, sql.FORGET_TOLD, sql.FORGET_READ):
            cursor.execute(statement, values)
        cursor.execute(sql.ASKED_OF_ALL, values)
    else:
        cursor.execute(sql.FORGET_NEIGHBOURS, values)
        cursor.execute(sql.ASKED_OF_NEIGHBOURS, values)
    cursor.execute(sql.USED, values)
    cursor.execute(sql.FORGET_DAY, values)
    cursor.execute(sql.SUM_DAY, values)


def _is_whole(cursor: Any, values: dict[str, Any], sources: Sequence[int]) -> bool:
    """Whether all of a day is to be made: it is new, most of it is marked, or use stands under a plan that is another by now."""
    cursor.execute(sql.KNOWN, values)
    known, replanned = cursor.fetchone()
    marked = len({source // WIDTH for source in sources})
    return bool(replanned) or not known or marked > max(1, known // FEW)


def forget_parts(today: date) -> None:
    """Forget what days are made of whose samples are gone: they are never made anew."""
    oldest = today - timedelta(days=settings.USAGE_RETENTION_DAYS + 1)
    with connection.cursor() as cursor:
        for statement in sql.FORGET_OLD:
            cursor.execute(statement, [oldest])
