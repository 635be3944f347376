"""The speed of a day's footprints over a fleet, priced by contract, and of findings: against a plain SUM of the day's samples.

Samples, days and lives are written in bulk; pricing, splitting, carbon, components and findings are the product's.
`FOOTPRINT_RUNTIMES=10000` measures a fleet of that size.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from datetime import date, timedelta
from statistics import median
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.usage_place import COMPONENTS, bare_rows, begin, entry, make_fleet, yesterday
from tests.bench.usage_roll_up import SHAPES, fill

NAMES = ("footprint_ratio",)
GOAL = 75.0
RUNTIMES, ROUNDS, DAYS_BACK = int(os.environ.get("FOOTPRINT_RUNTIMES", "1000")), 3, 14

SETS = """
INSERT INTO usage_component_set (id, digest, components)
SELECT n, int4send(n), (SELECT jsonb_object_agg(name, jsonb_build_array(n * 20, n * 40)) FROM unnest(%(names)s::text[]) name)
FROM generate_series(1, 40) n;
SELECT setval(pg_get_serial_sequence('usage_component_set', 'id'), 40);
INSERT INTO usage_component_use (hour, used)
SELECT t, (SELECT jsonb_object_agg(n, u.used) FROM generate_series(b, b + 499) n)::text
FROM generate_series(%(start)s::timestamptz, %(start)s::timestamptz + interval '23 hours', interval '1 hour') t,
    generate_series(1, %(count)s::int, 500) b,
    (SELECT jsonb_object_agg(name, jsonb_build_array(7, 30)) AS used FROM unnest(%(names)s::text[]) name) u
"""
# Ten meters of each runtime and day; of each hundred runtimes one asks for nothing, and one uses nearly all.
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
SELECT t::date, s.source, s.tenant_id, s.account, s.runtime, s.plan, s.region, 86400, 86400, 0, 0, 86400,
    CASE WHEN s.source %% 100 = 1 THEN 0 ELSE n * 900 END, CASE WHEN s.source %% 100 = 1 THEN 0 ELSE n * 3000 END,
    CASE s.source %% 100 WHEN 1 THEN 0 WHEN 2 THEN n * 1800 ELSE n * 700 END,
    CASE s.source %% 100 WHEN 1 THEN 0 ELSE n * 2500 END,
    n * 200, n * 500, n * 90, n * 300, 1, n * 1900, n * 7000
FROM usage_span s, generate_series(%(first)s::date, %(last)s::date - 1, interval '1 day') t,
    LATERAL (SELECT (s.source %% 40 + 1) * 86400::bigint AS n) k
"""
# Findings look at runtimes that are there: copies of one that was ordered, past the triggers that count and follow them.
ROWS = """
ALTER TABLE runtimes_runtime DISABLE TRIGGER USER;
INSERT INTO tenants_account
SELECT copied.* FROM (SELECT DISTINCT tenant_id FROM usage_span) t, (SELECT * FROM tenants_account ORDER BY id LIMIT 1) model,
    jsonb_populate_record(NULL::tenants_account,
        to_jsonb(model) || jsonb_build_object('id', t.tenant_id, 'tenant_id', t.tenant_id)) copied;
INSERT INTO runtimes_runtime ({columns})
SELECT {copied} FROM usage_span s, (SELECT * FROM runtimes_runtime ORDER BY id LIMIT 1) model,
    jsonb_populate_record(NULL::runtimes_runtime,
        to_jsonb(model) || jsonb_build_object('id', s.runtime, 'tenant_id', s.tenant_id, 'account_id', s.account,
        'name', 'r-' || s.source, 'cluster_name', 'c' || s.source)) copied
WHERE s.source <= %(count)s;
ALTER TABLE runtimes_runtime ENABLE TRIGGER USER
"""

# In each block the column of component sets becomes that of shapes.
SETS_AS_SHAPES = """
UPDATE usage_slot SET evidence = overlay(evidence PLACING substr(samples, 4 * n + 1, 4 * n) FROM 16 * n + 1)
FROM (SELECT slot, block, octet_length(samples) / 50 AS n FROM usage_slot) x
WHERE usage_slot.slot = x.slot AND usage_slot.block = x.block
"""


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.footprint", seconds=900)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    os.environ["BROKER_URL"] = "memory://"
    with ExitStack() as cleanup:
        begin(cleanup)
        print(json.dumps([_measure()]))


def _measure() -> dict[str, Any]:
    from billing.footprint.findings import findings
    from billing.footprint.making import make_day
    from billing.footprint.models import ComponentDay, FootprintDay
    from controlplane.kernel.clock import utcnow

    day = yesterday().date()
    _prepare(day)
    took: dict[str, list[float]] = {"sum": [], "day": [], "one_runtime_anew": [], "findings": []}
    found = 0
    for _ in range(ROUNDS):
        took["sum"].append(_timed(lambda: _run("SELECT sum(workload_requested_millicores) FROM bare_sample")))
        _mark(day, RUNTIMES)
        took["day"].append(_timed(lambda: make_day(day)))
        _mark(day, 1)
        took["one_runtime_anew"].append(_timed(lambda: make_day(day)))
        began = time.monotonic()
        found = len(findings(tenant_id=None, now=utcnow()))
        took["findings"].append(time.monotonic() - began)
        print(took, file=sys.stderr)
    assert FootprintDay.objects.filter(day=day).count() == RUNTIMES
    assert ComponentDay.objects.filter(day=day).count() == len(COMPONENTS)
    assert found >= RUNTIMES // 100
    ratio = median(took["day"]) / median(took["sum"])
    detail = {
        "median_ms": {name: round(median(spent) * 1000, 1) for name, spent in took.items()},
        "runtimes": RUNTIMES,
        "samples_of_the_day": RUNTIMES * 288,
        "ms_per_runtime": round(median(took["day"]) * 1000 / RUNTIMES, 3),
        "findings": found,
        "priced": FootprintDay.objects.exclude(currency="").count(),
    }
    return entry("footprint_ratio", ratio, GOAL, "most", detail)


def _prepare(day: date) -> None:
    from billing.books.apply import apply_prices
    from controlplane.tenants.access import SYSTEM
    from tests.bench.statements import TENANT_ROWS
    from tests.world import World, load_catalog, order

    load_catalog()
    world = World()
    world.landscape.refresh_from_db()  # comes to be when asked for
    apply_prices(actor=SYSTEM)
    order(world)
    _run("TRUNCATE usage_span, usage_source")
    start = yesterday()
    make_fleet(RUNTIMES, born=start - timedelta(days=DAYS_BACK + 1))
    _run(SHAPES)
    _run(SETS, {"names": list(COMPONENTS), "start": start, "count": RUNTIMES})
    fill(start, start + timedelta(days=1), count=RUNTIMES)
    _run(SETS_AS_SHAPES)
    bare_rows()
    _run(TENANT_ROWS)
    _run(DAYS, {"first": day - timedelta(days=DAYS_BACK - 1), "last": day + timedelta(days=1)})
    for statement in _rows().split(";\n"):  # each a transaction of its own: checks of the one before are done
        _run(statement, {"count": RUNTIMES} if "%(count)s" in statement else None)
    for table in ("usage_slot", "usage_day", "usage_day_life", "runtimes_runtime", "usage_component_use"):
        _run(f"VACUUM ANALYZE {table}")


def _rows() -> str:
    """Name the columns that are written: some are made by the database itself."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'runtimes_runtime' AND is_generated = 'NEVER'"
        )
        names = [f'"{name}"' for (name,) in cursor.fetchall()]
    return ROWS.format(columns=", ".join(names), copied=", ".join(f"copied.{name}" for name in names))


def _mark(day: date, count: int) -> None:
    _run(
        "INSERT INTO footprint_dirty (day, sources) SELECT %(day)s, array_agg(n) FROM generate_series(1, %(count)s::int) n",
        {"day": day, "count": count},
    )


def _run(statement: str, values: Any = None) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _timed(work: Any) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
