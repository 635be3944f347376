"""How much of the fleet's time was seen, inferred, or is unknown: of the last hour and the last day that are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from billing.collecting import queries
from billing.usage.slots import DAY, HOUR, day_of, hour_of, start_of
from controlplane.kernel.clock import utcnow

SETTLED = timedelta(
    minutes=30
)  # how long after its end an hour is looked at: its last samples are in it then


@dataclass(frozen=True)
class Coverage:
    """Seconds of all runtimes together in [start, end); all three are the time that they lived."""

    start: datetime
    end: datetime
    observed: int
    inferred: int
    unknown: int

    @property
    def alive(self) -> int:
        """Return the time that they lived."""
        return self.observed + self.inferred + self.unknown

    @property
    def shares(self) -> dict[str, float]:
        """Return the share of each, which are 1 together; nothing where nobody lived."""
        if not self.alive:
            return {}
        return {name: getattr(self, name) / self.alive for name in ("observed", "inferred", "unknown")}


def fleet_coverage(*, now: datetime | None = None) -> dict[str, Coverage]:
    """Return the coverage of the last `hour` and the last `day`; a day that nobody made is left out. In the platform's scope."""
    moment = now or utcnow()
    hour = hour_of(moment - SETTLED) - HOUR
    with connection.cursor() as cursor:
        cursor.execute(queries.COVERAGE_OF_HOUR, [hour])
        found = {"hour": Coverage(hour, hour + HOUR, *cursor.fetchone())}
        cursor.execute(queries.COVERAGE_OF_DAY, [day_of(moment)])
        if row := cursor.fetchone():
            start = start_of(row[0])
            found["day"] = Coverage(start, start + DAY, *row[1:])
    return found


def closed_until() -> datetime | None:
    """Return the end of the last hour that was closed; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute(queries.CLOSED_UNTIL)
        row = cursor.fetchone()
    return row[0] if row else None


def hours_not_made() -> int:
    """Return how many hours could not be made of what is stored, and so stay as they were."""
    with connection.cursor() as cursor:
        cursor.execute(queries.NOT_MADE)
        return int(cursor.fetchone()[0])
