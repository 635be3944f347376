"""Makes hours of samples: whatever was marked is computed anew, from all that is known, and never added to.

Each hour is made in one transaction that also takes its marks away: killed anywhere, it is as if it had not begun.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from billing.usage import rolling_queries as sql
from billing.usage.integrals import INTEGRALS
from billing.usage.integrate import GAP_SECONDS, QUIET, Life, Sample, integrate
from billing.usage.queries import array
from billing.usage.slots import HOUR, day_of

HOURS_AT_ONCE = 100
_FEW = 50
_FEW_OF = 20  # a twentieth of all sources: beyond, reading the whole hour is quicker
_GAP = timedelta(seconds=GAP_SECONDS)
_ENDLESS = 2**40


def roll_up(*, most: int = HOURS_AT_ONCE) -> int:
    """Make anew what is marked, at most so many hours; return how many. Two of these share the work."""
    with connection.cursor() as cursor:
        cursor.execute(sql.DIRTY_HOURS, [most])
        hours = [hour for (hour,) in cursor.fetchall()]
    return sum(roll_up_hour(hour) for hour in hours)


def roll_up_hour(hour: datetime) -> bool:
    """Make one hour anew for the sources that are marked; say whether there were any and nobody else is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK, ["usage hour", int(hour.timestamp()) // 3600])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(sql.CLAIM, [hour])
        claimed = cursor.fetchall()
        if not claimed:
            return False
        sources = sorted({source for sources, _ in claimed for source in sources})
        cursor.execute(sql.ROOM)
        uneven = _make_plain(cursor, hour, sources)
        _make_uneven(cursor, hour, uneven)
        spreading = sorted({source for sources, spreads in claimed if spreads for source in sources})
        _spread(cursor, hour, spreading)
        cursor.execute(sql.MARK_DAY, [day_of(hour), array(sources)])
    return True


def _make_plain(cursor: Any, hour: datetime, sources: Sequence[int]) -> list[int]:
    """Make what one statement can; return the sources that need a closer look."""
    end, length = hour + HOUR, settings.USAGE_SLOT_SECONDS
    cursor.execute(sql.SEEN_AFTER, [end, end + _GAP])
    seen_after = cursor.fetchone()[0]
    cursor.execute(sql.MADE_BEFORE, [hour])
    again = cursor.fetchone()[0]
    cursor.execute(sql.MOST_SOURCES)
    narrow = len(sources) <= max(_FEW, cursor.fetchone()[0] // _FEW_OF)
    whole = 3600 // length
    cursor.execute(
        sql.plain(narrow=narrow, open_end=not seen_after, again=again),
        {
            "hour": hour,
            "end": end,
            "sources": array(sources),
            "slots": [hour + number * timedelta(seconds=length) for number in range(whole)] if narrow else [],
            "whole": whole,
            "length": length,
            "quiet": list(QUIET),
        },
    )
    return [source for (source,) in cursor.fetchall()]


def _make_uneven(cursor: Any, hour: datetime, sources: Sequence[int]) -> None:
    if not sources:
        return
    end, length = hour + HOUR, settings.USAGE_SLOT_SECONDS
    slack = _GAP + timedelta(seconds=length)
    samples: dict[int, list[Sample]] = defaultdict(list)
    lives: dict[int, list[Life]] = defaultdict(list)
    cursor.execute(sql.SAMPLES, [hour - slack, end + slack, array(sources)])
    for source, slot, epoch, shape, *gauges in cursor.fetchall():
        samples[source].append(Sample(slot, epoch, shape, tuple(gauges)))
    cursor.execute(sql.SPANS, [array(sources), end, hour])
    for source, span, since, until, phase in cursor.fetchall():
        lives[source].append(Life(span, since, _ENDLESS if until is None else until, phase in QUIET))
    start = int(hour.timestamp())
    rows = [
        (source, *key, *sums)
        for source in sources
        for key, sums in integrate(
            samples[source], lives[source], start=start, end=start + 3600, slot_seconds=length
        ).items()
    ]
    names = ("source", "span", "shape", *INTEGRALS)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    arrays = {name: array(column) for name, column in zip(names, columns, strict=True)}
    cursor.execute(sql.PUT, {**arrays, "hour": hour, "sources": array(sources)})


def _spread(cursor: Any, hour: datetime, sources: Sequence[int]) -> None:
    """Mark the hours before and after where a gap may reach across; they spread no further."""
    if not sources:
        return
    for neighbour in (hour - HOUR, hour + HOUR):
        cursor.execute(sql.GAPPY, [neighbour, array(sources)])
        (gappy,) = cursor.fetchone()
        if gappy:
            cursor.execute(sql.MARK_QUIETLY, [neighbour, array(gappy)])
