"""Makes hours of samples: whatever was marked is computed anew, from all that is known, and never added to.

Each hour is made in one transaction that also takes its marks away: killed anywhere, it is as if it had not begun.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from billing.usage import rolling_queries as sql
from billing.usage.integrals import INTEGRALS
from billing.usage.integrate import GAP_SECONDS, QUIET, Life, Sample, integrate
from billing.usage.partitions import hours_name_of, is_closed, make_hours
from billing.usage.queries import array, numbers
from billing.usage.slots import HOUR, day_of

HOURS_AT_ONCE = 100
_MANY_HOURS = 6  # more than a tick leaves behind: history was brought in, or the workers stood still
_FEW = 50
_FEW_OF = 20  # a twentieth of all sources: beyond, reading the whole hour is quicker
_GAP = timedelta(seconds=GAP_SECONDS)
_ENDLESS = 2**40


def roll_up(*, most: int = HOURS_AT_ONCE, company: Callable[[], object] | None = None) -> int:
    """Make anew what is marked, at most so many hours; return how many. Two of these share the work.

    `company` is called once where many hours wait: it asks a second worker to begin as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.DIRTY_HOURS, [most])
        hours = [hour for (hour,) in cursor.fetchall()]
    if company is not None and len(hours) >= _MANY_HOURS:
        company()
    return sum(roll_up_hour(hour) for hour in hours)


def roll_up_hour(hour: datetime) -> bool:
    """Make one hour anew for the sources that are marked; say whether there were any and nobody else is at it.

    What is marked of an hour whose samples are gone by their retention is let go: it stays as it was made.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK, ["usage hour", int(hour.timestamp()) // 3600])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(sql.CLAIM, [hour])
        dirty, count, spreading = cursor.fetchone()
        if not count:
            return False
        if is_closed(hour):
            return True
        cursor.execute(sql.ROOM)
        uneven = _make_plain(cursor, hour, dirty, count)
        _make_uneven(cursor, hour, uneven)
        _spread(cursor, hour, spreading)
        cursor.execute(sql.MARK_DAY, [day_of(hour), dirty])
    return True


def _make_plain(cursor: Any, hour: datetime, dirty: str, count: int) -> list[int]:
    """Make what one statement can, or two; return the sources that need a closer look.

    Of a whole fleet most have one shape all through: they are made in one pass, and the others' samples are looked up.
    """
    end, length = hour + HOUR, settings.USAGE_SLOT_SECONDS
    facts = {"hour": hour, "end": end, "after": end + _GAP, "partition": hours_name_of(hour)}
    cursor.execute(sql.FACTS, facts)
    seen_after, again, sources, stands = cursor.fetchone()
    open_end, many = not seen_after, max(_FEW, sources // _FEW_OF)
    if not stands:
        make_hours(hour)
    whole = 3600 // length
    values = {
        "hour": hour,
        "end": end,
        "slots": [hour + number * timedelta(seconds=length) for number in range(whole)],
        "whole": whole,
        "length": length,
        "quiet": list(QUIET),
    }
    if count > many:
        cursor.execute(sql.HASHED)
        cursor.execute(sql.alike(open_end=open_end, again=again), {**values, "sources": dirty})
        rest = [source for (source,) in cursor.fetchall()]
        cursor.execute(sql.LOOPED)
        dirty, count = array(rest), len(rest)
        if not rest:
            return []
    cursor.execute(
        sql.plain(narrow=count <= many, open_end=open_end, again=again), {**values, "sources": dirty}
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


def _spread(cursor: Any, hour: datetime, sources: str | None) -> None:
    """Mark the hours before and after where a gap may reach across; they spread no further."""
    if sources is None:
        return
    cursor.execute(sql.GAPPY, [hour - HOUR, hour + HOUR])
    found = cursor.fetchall()  # most hours have no gap, and a list of the whole fleet is long
    changed = set(numbers(sources)) if found else set()
    for neighbour, gappy in found:
        if reaching := sorted(changed.intersection(gappy)):
            cursor.execute(sql.MARK_QUIETLY, [neighbour, array(reaching)])
