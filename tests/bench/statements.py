"""The speed of drafting every tenant's month: against a plain SUM over the very samples of that month, as plain rows.

Samples of every five minutes, days and lives are written in bulk; reading, rating and writing statements are the product's. Of
1,000 tenants with ten runtimes one in ten is here, on both sides alike: both grow as the runtimes do, and the samples of all
would no longer lie in memory, which makes the SUM slower. PostgreSQL sums with all cores at once, so two workers draft, processes
of their own, as they do in production where much changed: one asks the other. In the detail: what one drafts alone, a draft that
nothing changed for, sealing, and the ratio of processor time.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from statistics import median
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.side_by_side import begin_working, wait_for_others
from tests.bench.usage_place import (
    TENANT_RUNTIMES,
    bare_rows,
    begin,
    entry,
    make_fleet,
    processor_seconds,
    worked_alone,
)
from tests.bench.usage_roll_up import SHAPES, fill

NAMES = ("statement_ratio",)
GOAL = 1.5
TENANTS, ROUNDS, WORKERS = 100, 5, 2
WHOLE = 1_000
SUM = "SELECT sum(workload_used_millicores) FROM bare_sample"

TENANT_ROWS = """
INSERT INTO tenants_tenant (id, slug, name, state, runtime_quota, created_at)
SELECT tenant_id, 'tenant-' || row_number() OVER (ORDER BY tenant_id), 'Tenant', 'active', 500, now()
FROM (SELECT DISTINCT tenant_id FROM usage_span) t
"""
# As the roll-up leaves them: ten meters of each runtime and day, and how much of the day is known.
DAYS = """
INSERT INTO usage_day (day, source, tenant_id, account, runtime, plan, region, meter, dimension, quantity, inferred)
SELECT t::date, s.source, s.tenant_id, s.account, s.runtime, s.plan, s.region, m.meter, m.dimension,
    (s.source %% 40 + 1) * m.level * 86400::bigint, 0
FROM usage_span s, generate_series(%(first)s::date, %(last)s::date - 1, interval '1 day') t,
    (VALUES ('vcpu', '', 2000), ('memory', '', 8192), ('node', 'm5.large', 1), ('block_storage', 'gp3', 51),
        ('block_storage', 'io2', 7), ('snapshots', '', 3), ('load_balancer', '', 2), ('public_address', '', 2),
        ('control_plane', '', 1), ('egress', '', 1000)) m (meter, dimension, level);
INSERT INTO usage_day_life (day, source, tenant_id, account, runtime, plan, region, alive_seconds, observed_seconds,
    inferred_seconds, unknown_seconds, used_seconds, workload_requested_millicores, workload_requested_mib,
    workload_used_millicores, workload_used_mib, platform_requested_millicores, platform_requested_mib, platform_used_millicores,
    platform_used_mib, egress_bytes, allocatable_millicores, allocatable_mib)
SELECT t::date, s.source, s.tenant_id, s.account, s.runtime, s.plan, s.region, 86400, 86400, 0, 0, 86400, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1
FROM usage_span s, generate_series(%(first)s::date, %(last)s::date - 1, interval '1 day') t
"""


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.statements", seconds=900)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ExitStack() as cleanup:
        begin(cleanup)
        print(json.dumps([_measure()]))


def _measure() -> dict[str, Any]:
    from billing.statements.drafting import draft_month
    from billing.statements.models import Statement

    first, last = _last_month()
    _prepare(first, last)
    took: dict[str, list[float]] = {"sum": [], "draft": [], "alone": [], "unchanged": []}
    worked: dict[str, list[float]] = {"sum": [], "alone": []}
    context = get_context("spawn")
    together = context.Barrier(WORKERS)
    with ProcessPoolExecutor(WORKERS, context, initializer=begin_working, initargs=(together,)) as pool:
        _side_by_side(pool, first)  # connected, books read; what they draft goes again
        for _ in range(ROUNDS):
            _clear()
            took["sum"].append(_timed(_sum))
            took["draft"].append(_side_by_side(pool, first))
            took["unchanged"].append(_timed(lambda: _expect(draft_month(first), 0)))
            _clear()
            began = processor_seconds()
            took["alone"].append(_timed(lambda: _expect(draft_month(first), TENANTS)))
            worked["alone"].append(processor_seconds() - began)
            took["sum"].append(_timed(_sum))
            worked["sum"].append(worked_alone(SUM))
            print(took, worked, file=sys.stderr)
    rows = list(Statement.objects.all())
    sealing = _timed(lambda: list(map(_seal, rows)))
    middle = {name: median(spent) for name, spent in took.items()}
    detail = {
        "median_ms": {name: round(spent * 1000, 1) for name, spent in middle.items()},
        "workers": WORKERS,
        "ratio_of_one_worker": round(middle["alone"] / middle["sum"], 4),
        "ratio_of_processor_time": round(median(worked["alone"]) / median(worked["sum"]), 4),
        "tenants": TENANTS,
        "scale": f"1:{WHOLE // TENANTS} of {WHOLE} tenants, on both sides",
        "runtimes": TENANTS * TENANT_RUNTIMES,
        "lines": sum(row.charges_count for row in rows),
        "samples": _sum_of("SELECT count(*) FROM bare_sample"),
        "seal_ms_per_tenant": round(sealing * 1000 / TENANTS, 1),
    }
    return entry("statement_ratio", middle["draft"] / middle["sum"], GOAL, "most", detail)


def _clear() -> None:
    _run("TRUNCATE statements_charge, statements_inputs, statements_adjustment, statements_statement")


def _side_by_side(pool: ProcessPoolExecutor, month: date) -> float:
    """Let two workers draft a month, one from either end; return how long both took together, in seconds."""
    now = datetime.now(UTC)
    work = [pool.submit(_draft_together, month, now, beside=beside) for beside in (False, True)]
    told = [done.result() for done in work]
    _expect(sum(made for made, _, _ in told), TENANTS)
    return max(ended for _, _, ended in told) - min(began for _, began, _ in told)


def _draft_together(month: date, now: datetime, *, beside: bool) -> tuple[int, float, float]:
    """Draft; return how many, when it began and when it ended, by a clock that all processes share."""
    from billing.statements.drafting import draft_month

    wait_for_others()
    began = time.monotonic()
    made = draft_month(month, now=now, company=_is_here, beside=beside)
    return made, began, time.monotonic()


def _is_here(*_: object) -> None:
    """Whoever would be asked to come has begun already."""


def _prepare(first: date, last: date) -> None:
    from django.db import connection

    from billing.books.apply import apply_prices
    from billing.usage.models import Progress
    from controlplane.tenants.access import SYSTEM
    from tests.world import load_catalog

    load_catalog()
    apply_prices(actor=SYSTEM)
    count = TENANTS * TENANT_RUNTIMES
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    make_fleet(count, born=start - timedelta(days=1))
    _run(SHAPES)
    day = start
    while day.date() < last:
        fill(day, day + timedelta(days=1), count=count)
        day += timedelta(days=1)
    _run(TENANT_ROWS)
    with connection.cursor() as cursor:
        cursor.execute(DAYS, {"first": first, "last": last})
    Progress.objects.update_or_create(name="hours", defaults={"reached": day})
    bare_rows()
    for table in ("usage_slot", "usage_day", "usage_day_life"):
        _run(f"VACUUM ANALYZE {table}")


def _seal(row: Any) -> None:
    from billing.statements.sealing import seal_statement
    from controlplane.tenants.access import SYSTEM

    seal_statement(actor=SYSTEM, statement_id=row.pk)


def _last_month() -> tuple[date, date]:
    last = datetime.now(UTC).date().replace(day=1)
    return (last - timedelta(days=1)).replace(day=1), last


def _sum() -> None:
    # No bounds: bare_sample holds this month and no other, and looking at each row's time would slow it down.
    assert _sum_of(SUM)


def _sum_of(statement: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def _run(statement: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)


def _expect(found: int, wanted: int) -> None:
    assert found == wanted, f"{found} instead of {wanted}"


def _timed(act: Any) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
