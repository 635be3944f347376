"""The speed of drafting every tenant's month: against a plain SUM over the very samples of that month, as plain rows.

Samples of every five minutes, days and lives are written in bulk; reading, rating and writing statements are the product's. Of
1,000 tenants with ten runtimes one in twenty is here, on both sides alike: both grow as the runtimes do, and the samples of all
would no longer lie in memory, which makes the SUM slower. A draft that nothing changed for, and sealing, are told beside it.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.usage_place import TENANT_RUNTIMES, bare_rows, begin, entry, make_fleet
from tests.bench.usage_roll_up import SHAPES, fill

NAMES = ("statement_ratio",)
GOAL = 1.5
TENANTS, ROUNDS = 50, 5
WHOLE = 1_000

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
    took: dict[str, list[float]] = {"sum": [], "draft": [], "unchanged": []}
    for _ in range(ROUNDS):
        _run("TRUNCATE statements_charge, statements_inputs, statements_adjustment, statements_statement")
        took["sum"].append(_timed(_sum))
        took["draft"].append(_timed(lambda: _expect(draft_month(first), TENANTS)))
        took["unchanged"].append(_timed(lambda: _expect(draft_month(first), 0)))
        took["sum"].append(_timed(_sum))
        print(took, file=sys.stderr)
    rows = list(Statement.objects.all())
    sealing = _timed(lambda: list(map(_seal, rows)))
    ratio = median(took["draft"]) / median(took["sum"])
    detail = {
        "median_ms": {name: round(median(spent) * 1000, 1) for name, spent in took.items()},
        "tenants": TENANTS,
        "scale": f"1:{WHOLE // TENANTS} of {WHOLE} tenants, on both sides",
        "runtimes": TENANTS * TENANT_RUNTIMES,
        "lines": sum(row.charges_count for row in rows),
        "samples": _sum_of("SELECT count(*) FROM bare_sample"),
        "seal_ms_per_tenant": round(sealing * 1000 / TENANTS, 1),
    }
    return entry("statement_ratio", ratio, GOAL, "most", detail)


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
    assert _sum_of("SELECT sum(workload_used_millicores) FROM bare_sample")


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
