"""Looks again at the newest days once all others are there: told newest first, they had little to be compared with."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection

from billing.costs.finding import find_anomalies

# The sleeper is awake on all of them: a sleep that was asked for is nothing to puzzle over.
LOOKED_AT = timedelta(days=9)

# As the triggers on the days note it; a runtime's day is looked at once, however often it stands there.
MARK = """
INSERT INTO costs_dirty_day (day, sources) SELECT day, array_agg(DISTINCT source) FROM usage_day WHERE day >= %s AND day < %s
GROUP BY day
"""


def look_again(today: date) -> None:
    """Find what is out of the ordinary, and settle what only seemed so."""
    with connection.cursor() as cursor:
        cursor.execute(MARK, [today - LOOKED_AT, today])
    while find_anomalies():
        pass
