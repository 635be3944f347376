"""By how much the platform's share of runtimes has grown since they were upgraded, as samples show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from billing.usage.slots import floor
from provisioner.rollouts.ports import Upgraded

SLOTS = 6  # that are looked at before the upgrade, and of the newest behind it: the first sample of each side counts
LEAST = 0.5  # of the runtimes must be seen on both sides

# One sample of each runtime from before its upgrade began and its newest from behind its end; work is the larger of asked for and
# used, use only where both tell it (as `split` has it). Each look is for one slot and source: rides on the samples' primary key,
# and on usage_source's of runtimes.
GROWTH = """
WITH upgraded AS (
    SELECT s.id AS source, u.began, u.ended
    FROM unnest(%(runtimes)s::uuid[], %(began)s::timestamptz[], %(ended)s::timestamptz[]) AS u(runtime, began, ended)
    JOIN usage_source s ON s.runtime = u.runtime
), both_sides AS (
    SELECT b.platform_requested_millicores AS cpu_before, b.platform_requested_mib AS mib_before,
        b.platform_used_millicores AS cpu_used_before, b.platform_used_mib AS mib_used_before,
        a.platform_requested_millicores AS cpu_after, a.platform_requested_mib AS mib_after,
        a.platform_used_millicores AS cpu_used_after, a.platform_used_mib AS mib_used_after
    FROM upgraded u
    CROSS JOIN LATERAL (
        SELECT x.* FROM generate_series(0, %(slots)s - 1) back
        JOIN usage_sample x ON x.source = u.source AND x.epoch > 0
            AND x.slot = date_bin(%(length)s, u.began, timestamptz 'epoch') - (back + 1) * %(length)s
        ORDER BY x.slot DESC, x.epoch LIMIT 1) b
    CROSS JOIN LATERAL (
        SELECT x.* FROM generate_series(0, %(slots)s - 1) back
        JOIN usage_sample x ON x.source = u.source AND x.epoch > 0 AND x.slot = %(now)s - back * %(length)s
            AND x.reported_at > u.ended
        ORDER BY x.slot DESC, x.epoch LIMIT 1) a
)
SELECT count(*), sum(CASE WHEN told THEN greatest(cpu_before, cpu_used_before) ELSE cpu_before END),
    sum(CASE WHEN told THEN greatest(cpu_after, cpu_used_after) ELSE cpu_after END),
    sum(CASE WHEN told THEN greatest(mib_before, mib_used_before) ELSE mib_before END),
    sum(CASE WHEN told THEN greatest(mib_after, mib_used_after) ELSE mib_after END)
FROM (SELECT *, cpu_used_before IS NOT NULL AND cpu_used_after IS NOT NULL AS told FROM both_sides) sides
"""


def platform_growth(upgraded: Sequence[Upgraded], now: datetime) -> float | None:
    """Return the percent by which processors or memory of the platform's share grew, the larger; None: not seen enough yet.

    Seen are at least half of them, each before its upgrade and after it.
    """
    if not upgraded:
        return None
    length = settings.USAGE_SLOT_SECONDS
    values: dict[str, Any] = {
        "runtimes": [one.runtime_id for one in upgraded],
        "began": [one.began for one in upgraded],
        "ended": [one.ended for one in upgraded],
        "now": floor(now, length),
        "length": timedelta(seconds=length),
        "slots": SLOTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(GROWTH, values)
        seen, *sums = cursor.fetchone()
    if seen < len(upgraded) * LEAST or not seen:
        return None
    cpu_before, cpu_after, mib_before, mib_after = (int(value) for value in sums)
    return max(_percent(cpu_before, cpu_after), _percent(mib_before, mib_after))


def _percent(before: int, after: int) -> float:
    return 100.0 * (after - before) / max(before, 1)
