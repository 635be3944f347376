"""Which runtimes a component of the platform is in, and what it asks for in each: the rows behind a line of the ranking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from billing.usage.slots import HOUR, day_of, start_of

MOST = 100

# Samples of one hour, by the primary key of their blocks; of each runtime the most that it asked for in that hour.
BEARERS = """
WITH seen AS MATERIALIZED (
    SELECT DISTINCT source, components FROM usage_sample WHERE slot >= %(start)s AND slot < %(end)s
)
SELECT s.runtime, max((x.components -> %(name)s ->> 0)::bigint), max((x.components -> %(name)s ->> 1)::bigint), count(*) OVER ()
FROM seen JOIN usage_component_set x ON x.id = seen.components JOIN usage_source s ON s.id = seen.source
WHERE jsonb_exists(x.components, %(name)s)
GROUP BY s.runtime ORDER BY 2 DESC, 3 DESC, 1 LIMIT %(most)s
"""


@dataclass(frozen=True)
class Bearer:
    """A runtime with the component, and what it asks for there."""

    runtime: UUID
    millicores: int
    mib: int


def bearers(*, component: str, now: datetime) -> tuple[list[Bearer], int]:
    """Return the runtimes seen with a component in yesterday's last hour, at most a hundred, the largest first; and how many."""
    end = start_of(day_of(now))
    with connection.cursor() as cursor:
        cursor.execute(BEARERS, {"start": end - HOUR, "end": end, "name": component, "most": MOST})
        rows = cursor.fetchall()
    return [Bearer(*row) for *row, _ in rows], rows[0][-1] if rows else 0
