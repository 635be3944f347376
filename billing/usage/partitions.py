"""Partitions: of samples one a day of UTC, made ahead; of hours one a month, made with its first. What is old is dropped.

Nothing goes that a month needs whose statement is not sealed yet, nor samples whose hours are still to be made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction

from billing.usage import ports
from billing.usage.queries import FORGET_OLD_BATCHES, FORGET_OLD_USE, STANDING
from billing.usage.slots import DAY, day_of, start_of
from controlplane.kernel.clock import utcnow

log = structlog.get_logger(__name__)
AHEAD = 3
_PREFIX = "usage_slot_"

# Days of which there are partitions, oldest first; the catalog's own tables, a row a day.
_DAYS = """
SELECT to_date(substr(c.relname, 12), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'usage_slot'::regclass ORDER BY 1
"""
# Days whose samples hours wait for that are still to be made, or that reach half an hour into theirs. By the index of hours.
_WANTED = """
SELECT DISTINCT (hour AT TIME ZONE 'UTC' + step * interval '1 hour')::date FROM usage_dirty, generate_series(-1, 1) step
WHERE hour < %s
"""


def name_of(day: date) -> str:
    """Return the name of a day's partition."""
    return f"{_PREFIX}{day:%Y%m%d}"


def standing(days: Iterable[date]) -> set[date]:
    """Return those of these days that have a partition."""
    names = {name_of(day): day for day in days}
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [list(names)])
        return {names[name] for (name,) in cursor}


def make_ahead(*, now: datetime | None = None) -> int:
    """Make the partitions from yesterday to three days ahead; return how many were missing. Two of these are harmless."""
    today = day_of(now or utcnow())
    wanted = [today + timedelta(days=offset) for offset in range(-1, AHEAD + 1)]
    missing = sorted(set(wanted) - standing(wanted))
    return sum(make(day) for day in missing)


def make(day: date) -> bool:
    """Make a day's partition, as for history that is brought in; say whether it was missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_make_partition(%s)", [day])
        return bool(cursor.fetchone()[0])


def hours_name_of(hour: datetime) -> str:
    """Return the name of the partition of a month's hours."""
    return f"usage_hour_block_{hour.astimezone(UTC):%Y%m}"


def make_hours(hour: datetime) -> bool:
    """Make the partition that an hour lies in; say whether it was missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_make_hours(%s)", [hour])
        return bool(cursor.fetchone()[0])


def is_closed(hour: datetime, *, now: datetime | None = None) -> bool:
    """Whether an hour's samples are gone for good, so that it can't be made anew and stays as it is."""
    day = day_of(hour)
    return day < day_of(now or utcnow()) - settings.USAGE_RETENTION_DAYS * DAY and not standing([day])


def drop_old(*, now: datetime | None = None) -> int:
    """Drop samples that are older than their retention; return how many days.

    What `ports.needed_since` still names stays, and what hours are still to be made of: history that was brought in.
    """
    keep = _kept_since(settings.USAGE_RETENTION_DAYS, now)
    with connection.cursor() as cursor:
        cursor.execute(_WANTED, [start_of(keep + DAY)])
        wanted = {day for (day,) in cursor}
        cursor.execute(_DAYS)
        old = [day for (day,) in cursor if day < keep and day not in wanted]
    dropped = sum(_dropped("SELECT usage_drop_partition(%s)", day) for day in old)
    with connection.cursor() as cursor:
        cursor.execute(FORGET_OLD_USE, [start_of(keep), sorted(wanted)])
        cursor.execute(FORGET_OLD_BATCHES, [keep])
    return dropped


def drop_old_hours(*, now: datetime | None = None) -> int:
    """Drop the hours of months that are older than theirs, never before their samples; return how many months."""
    days = max(settings.USAGE_HOURS_RETENTION_DAYS, settings.USAGE_RETENTION_DAYS, 31)
    return _dropped("SELECT usage_drop_hours(%s)", _kept_since(days, now))


def _kept_since(days: int, now: datetime | None) -> date:
    today = day_of(now or utcnow())
    return min(today - days * DAY, ports.needed_since(today), today - 2 * DAY)


def _dropped(statement: str, day: date) -> int:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [day])
            return int(cursor.fetchone()[0])
    except OperationalError as busy:  # somebody reads: the next tick tries again
        log.warning("usage.partition_not_dropped", day=str(day), reason=str(busy).strip())
        return 0
