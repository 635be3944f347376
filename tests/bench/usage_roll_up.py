"""The speed of making hours: against a plain SUM of one column over the very samples.

PostgreSQL sums with all cores at once, so two workers make the hours, as they do in production where many wait; what one makes
alone is in the detail, and what PostgreSQL takes for sums alone that an hour can't do without: all nine columns', and theirs by
source with nothing written. Samples are written in bulk past the ingest, which has a benchmark of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from statistics import median
from threading import Barrier
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.usage_place import begin, entry, make_fleet, yesterday

NAMES = ("rollup_ratio",)
GOAL = 0.3
RUNTIMES, HOURS, ROUNDS, WORKERS = 5_000, 24, 3, 2

SHAPES = """
INSERT INTO usage_shape (id, digest, levels, allocatable_millicores, allocatable_mib)
SELECT n, int4send(n), jsonb_build_object('vcpu', jsonb_build_object('', n * 2000), 'memory', jsonb_build_object('', n * 8192),
    'node', jsonb_build_object('m5.large', n), 'block_storage', jsonb_build_object('gp3', 50 + n),
    'load_balancer', jsonb_build_object('', 2), 'control_plane', jsonb_build_object('', 1)), n * 1900, n * 7000
FROM generate_series(1, 40) n;
SELECT setval(pg_get_serial_sequence('usage_shape', 'id'), 40)
"""
# Of each hundred runtimes one changes its shape each hour.
FILL = """
INSERT INTO {partition} (slot, reported_at, egress_bytes, source, shape, components, workload_requested_millicores,
    workload_requested_mib, platform_requested_millicores, platform_requested_mib, workload_used_millicores, workload_used_mib,
    platform_used_millicores, platform_used_mib, epoch, origin)
SELECT t, t + interval '20 s', n * 1000, n,
    1 + (n + CASE WHEN n %% 100 = 0 THEN extract(minute FROM t)::int / 30 ELSE 0 END) %% 40,
    1, n, n * 2, 700, 900, n / 2, n, 300 + n %% 50, 400 + n %% 70, 0, 1
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', make_interval(secs => %(length)s)) t,
    generate_series(%(first)s::int, %(count)s::int) n
"""


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.usage_roll_up", seconds=400)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ExitStack() as cleanup:
        begin(cleanup)
        print(json.dumps([_measure()]))


def fill(start: datetime, end: datetime, *, count: int, length: int = 300, first: int = 1) -> None:
    """Write a day's samples of so many runtimes in bulk."""
    from django.db import connection

    from billing.usage import partitions

    partitions.make(start.date())
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "start": start,
            "end": end,
            "first": first,
            "count": count,
            "length": length,
        }
        cursor.execute(FILL.format(partition=partitions.name_of(start.date())), values)


def mark(start: datetime, hours: int, count: int, *, first: int = 1) -> None:
    """Mark hours for every runtime."""
    from django.db import connection

    with connection.cursor() as cursor:
        for number in range(hours):
            cursor.execute(
                "INSERT INTO usage_dirty (hour, sources) SELECT %s, array_agg(n) FROM generate_series(%s::int, %s::int) n",
                [start + number * timedelta(hours=1), first, count],
            )


def _measure() -> dict[str, Any]:
    from django.db import connection

    from billing.usage.hours import roll_up

    day = yesterday()
    make_fleet(RUNTIMES, born=day - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(SHAPES)
    fill(day, day + timedelta(hours=HOURS), count=RUNTIMES)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE usage_sample")
    statements = _statements()
    took: dict[str, list[float]] = {name: [] for name in (*statements, "rollup", "alone")}
    with ThreadPoolExecutor(WORKERS) as pool:
        _side_by_side(pool, _connect)
        for _ in range(ROUNDS):
            for name in ("rollup", "alone"):
                _mark_all(day)
                took["sum"].append(_timed(statements["sum"]))
                began = time.perf_counter()
                made = sum(_side_by_side(pool, roll_up)) if name == "rollup" else roll_up()
                took[name].append(time.perf_counter() - began)
                assert made == HOURS
                for plain, statement in statements.items():
                    took[plain].append(_timed(statement))
            print(took, file=sys.stderr)
        _side_by_side(pool, _disconnect)
    return _entry(took)


def _entry(took: dict[str, list[float]]) -> dict[str, Any]:
    middle = {name: median(spent) for name, spent in took.items()}
    samples = RUNTIMES * HOURS * 12
    detail = {
        "median_ms": {name: round(spent * 1000, 1) for name, spent in middle.items()},
        "samples": samples,
        "samples_per_second": round(samples / middle["rollup"]),
        "workers": WORKERS,
        "ratio_of_one_worker": round(middle["sum"] / middle["alone"], 4),
        "ratio_of_sums_by_source": round(middle["sum"] / middle["sums_by_source"], 4),
        "ratio_to_nine_columns": round(middle["nine_columns"] / middle["rollup"], 4),
    }
    return entry("rollup_ratio", middle["sum"] / middle["rollup"], GOAL, "least", detail)


def _statements() -> dict[str, str]:
    from billing.usage.integrals import GAUGES

    nine = (*GAUGES, "egress_bytes")
    sums = ", ".join(f"sum({name}) AS {name}" for name in nine)
    largest = " + ".join(f"max({name})" for name in nine)
    return {
        "sum": "SELECT sum(workload_used_millicores) FROM usage_sample",
        "nine_columns": f"SELECT {sums} FROM usage_sample",
        "sums_by_source": f"SELECT {largest} FROM (SELECT source, {sums} FROM usage_sample GROUP BY source) x",
    }


def _mark_all(day: datetime) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE usage_hour, usage_dirty, usage_dirty_day")
    mark(day, HOURS, RUNTIMES)


def _side_by_side(pool: ThreadPoolExecutor, act: Callable[[], Any]) -> list[Any]:
    """Let each worker do this once, all at the same time."""
    together = Barrier(WORKERS)

    def work(_: int) -> Any:
        together.wait()
        return act()

    return list(pool.map(work, range(WORKERS)))


# Looked up in the thread that calls it: each has a connection of its own, and may close no other.
def _connect() -> None:
    from django.db import connection

    connection.ensure_connection()


def _disconnect() -> None:
    from django.db import connection

    connection.close()


def _timed(statement: str) -> float:
    from django.db import connection

    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchone()[0]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
