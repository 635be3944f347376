"""The samples' partitions, one a day of UTC: made ahead, dropped when their samples are old and no open month needs them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction

from billing.usage import ports
from billing.usage.queries import STANDING
from billing.usage.slots import DAY, day_of
from controlplane.kernel.clock import utcnow

log = structlog.get_logger(__name__)
AHEAD = 3
_PREFIX = "usage_sample_"

# Days of which there are partitions, oldest first; the catalog's own tables, a row a day.
_DAYS = """
SELECT to_date(substr(c.relname, 14), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'usage_sample'::regclass ORDER BY 1
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


def drop_old(*, now: datetime | None = None) -> int:
    """Drop what is older than the retention, save what `ports.needed_since` still names; return how many."""
    today = day_of(now or utcnow())
    keep = min(today - settings.USAGE_RETENTION_DAYS * DAY, ports.needed_since(today), today - 2 * DAY)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS)
        old = [day for (day,) in cursor if day < keep]
    return sum(_drop(day) for day in old)


def _drop(day: date) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT usage_drop_partition(%s)", [day])
            return bool(cursor.fetchone()[0])
    except OperationalError as busy:  # somebody reads: the next tick tries again
        log.warning("usage.partition_not_dropped", day=str(day), reason=str(busy).strip())
        return False
