"""Makes days of hours, for days that are over; the day that goes on is read from its hours.

What comes out different in a month that is sealed for its tenant is written down as late: a correction, for statements to make.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db import connection, transaction

from billing.usage import day_queries as sql
from billing.usage.day_sums import day_sums
from billing.usage.queries import array
from billing.usage.rolling_queries import LOCK
from billing.usage.slots import day_of, start_of
from controlplane.kernel.clock import utcnow

DAYS_AT_ONCE = 70
_CROWD = 50


def roll_up_days(*, now: datetime | None = None) -> int:
    """Make anew the days that are marked and over; return how many. Two of these share the work."""
    with connection.cursor() as cursor:
        cursor.execute(sql.DIRTY_DAYS, [day_of(now or utcnow()), DAYS_AT_ONCE])
        days = [day for (day,) in cursor.fetchall()]
        cursor.execute(sql.CROWDED, [_CROWD])
        crowded = [day for (day,) in cursor.fetchall() if day not in days]
    for day in crowded:
        _gather(day)
    return sum(roll_up_day(day) for day in days)


def roll_up_day(day: date) -> bool:
    """Make one day anew for the sources that are marked; say whether there were any and nobody else is at it."""
    with transaction.atomic():
        sources = _claimed(day)
        if not sources:
            return False
        with connection.cursor() as cursor:
            sums = {name: array(column) for name, column in day_sums(start_of(day), sources).items()}
            cursor.execute(sql.MAKE, {"day": day, "sources": array(sources), **sums})
    return True


def _gather(day: date) -> None:
    with transaction.atomic():
        sources = _claimed(day)
        if sources:
            with connection.cursor() as cursor:
                cursor.execute(sql.MARK, [day, array(sources)])


def _claimed(day: date) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, ["usage day", day.toordinal()])
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(sql.CLAIM, [day])
        return sorted({source for (sources,) in cursor.fetchall() for source in sources})
