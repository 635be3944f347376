"""By how much the platform's share of runtimes has grown since they were upgraded, as samples show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from billing.usage.packed import BLOCK_SIZE
from billing.usage.slots import floor
from provisioner.rollouts.ports import Upgraded

SLOTS = 6  # that are looked at before the upgrade, and of the newest behind it: the first sample of each side counts
LEAST = 0.5  # of the runtimes must be seen on both sides

# One sample of each runtime from before its upgrade began and its newest from behind its end; work is the larger of asked for and
# used, use only where both tell it (as `split` has it). Slots and blocks that hold any of them are opened once each: by the
# blocks' primary key, and by usage_source's of runtimes.
GROWTH = """
WITH upgraded AS (
    SELECT s.id AS source, s.id / %(size)s AS block, u.began, u.ended
    FROM unnest(%(runtimes)s::uuid[], %(began)s::timestamptz[], %(ended)s::timestamptz[]) AS u(runtime, began, ended)
    JOIN usage_source s ON s.runtime = u.runtime
), wanted AS MATERIALIZED (
    SELECT source, block, false AS behind, NULL::timestamptz AS ended,
        date_bin(%(length)s, began, timestamptz 'epoch') - (back + 1) * %(length)s AS slot
    FROM upgraded, generate_series(0, %(slots)s - 1) back
    UNION ALL
    SELECT source, block, true, ended, %(now)s - back * %(length)s FROM upgraded, generate_series(0, %(slots)s - 1) back
), seen AS MATERIALIZED (
    SELECT x.slot, x.source, x.epoch, x.reported_at, x.platform_requested_millicores AS cpu, x.platform_requested_mib AS mib,
        x.platform_used_millicores AS cpu_used, x.platform_used_mib AS mib_used
    FROM (SELECT DISTINCT slot, block FROM wanted) w JOIN usage_sample x ON x.slot = w.slot AND x.block = w.block
    WHERE x.epoch > 0
), sides AS (
    SELECT DISTINCT ON (w.source, w.behind) w.source, w.behind, s.cpu, s.mib, s.cpu_used, s.mib_used
    FROM wanted w JOIN seen s ON s.slot = w.slot AND s.source = w.source AND (NOT w.behind OR s.reported_at > w.ended)
    ORDER BY w.source, w.behind, s.slot DESC, s.epoch
)
SELECT count(*), sum(CASE WHEN told THEN greatest(b.cpu, b.cpu_used) ELSE b.cpu END),
    sum(CASE WHEN told THEN greatest(a.cpu, a.cpu_used) ELSE a.cpu END),
    sum(CASE WHEN told THEN greatest(b.mib, b.mib_used) ELSE b.mib END),
    sum(CASE WHEN told THEN greatest(a.mib, a.mib_used) ELSE a.mib END)
FROM sides b JOIN sides a ON a.source = b.source AND a.behind AND NOT b.behind
    CROSS JOIN LATERAL (SELECT b.cpu_used IS NOT NULL AND a.cpu_used IS NOT NULL AS told) told
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
        "size": BLOCK_SIZE,
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
