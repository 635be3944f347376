"""Closes hours that are over: whoever lived in one and was never seen gets it as unknown time. One statement an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from billing.usage import rolling_queries as sql
from billing.usage.integrate import QUIET
from billing.usage.models import Progress
from billing.usage.slots import HOUR, hour_of
from controlplane.kernel.clock import utcnow

NAME = "hours"
GRACE = timedelta(minutes=10)  # the last slot's samples are still on their way
_MOST = 24 * 62


def close_hours(*, now: datetime | None = None) -> int:
    """Mark every hour that ended since the last time; return how many. Two of these are harmless, and none is forgotten."""
    last = hour_of((now or utcnow()) - GRACE)
    closed = 0
    with connection.cursor() as cursor:
        cursor.execute(sql.REACHED, [NAME, last])
        (reached,) = cursor.fetchone()
        while reached < last and closed < _MOST:
            with transaction.atomic():
                cursor.execute(sql.REACH, [reached + HOUR, NAME, reached])
                if not cursor.rowcount:
                    break
                cursor.execute(sql.CLOSE, {"hour": reached, "end": reached + HOUR, "quiet": list(QUIET)})
            reached += HOUR
            closed += 1
    return closed


def begin_again(moment: datetime) -> None:
    """Let hours be closed from a moment on: for history that is brought in."""
    Progress.objects.update_or_create(name=NAME, defaults={"reached": hour_of(moment)})
