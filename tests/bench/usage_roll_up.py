"""The speed of making hours: against a plain SUM of one column over the very samples.

Samples lie packed, 512 runtimes' of a slot in a row of usage_slot, and hours are packed likewise; the SUM is over the same
samples as plain rows in a logged table without an index, one a slot and runtime, which PostgreSQL sums faster than it would the
blocks. PostgreSQL sums with all cores at once, so two workers make the hours, processes of their own, as they do in production
where many hours wait; what one makes alone is in the detail, and what PostgreSQL takes for sums alone that an hour can't do
without: all nine columns', and theirs by source with nothing written. Samples are written in bulk past the ingest, which has a
benchmark of its own.

Every runtime is seen in every slot: both sides read the same rows, and as many of each. A real fleet has gaps; so the detail has
`gappy`, a day in which each two hundredth sample is missing, anywhere, and of as many others use is not known.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from multiprocessing import get_context
from statistics import median
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.side_by_side import begin_working, wait_for_others
from tests.bench.usage_place import (
    bare_rows,
    begin,
    entry,
    make_fleet,
    pack_rows,
    processor_seconds,
    worked_alone,
    yesterday,
)

NAMES = ("rollup_ratio",)
GOAL = 0.3
RUNTIMES, HOURS, ROUNDS, WORKERS = 5_000, 24, 5, 2
# By chance, and the same in each run.
CHANCE = "(hashint8(n * 100003 + extract(epoch FROM t)::bigint) & 1048575)"
MISSING, UNKNOWN = f"{CHANCE} < 5243", f"{CHANCE} >= 1043333"

SHAPES = """
INSERT INTO usage_shape (id, digest, levels, allocatable_millicores, allocatable_mib)
SELECT n, int4send(n), jsonb_build_object('vcpu', jsonb_build_object('', n * 2000), 'memory', jsonb_build_object('', n * 8192),
    'node', jsonb_build_object('m5.large', n), 'block_storage', jsonb_build_object('gp3', 50 + n),
    'load_balancer', jsonb_build_object('', 2), 'control_plane', jsonb_build_object('', 1)), n * 1900, n * 7000
FROM generate_series(1, 40) n;
SELECT setval(pg_get_serial_sequence('usage_shape', 'id'), 40)
"""
# Of each hundred runtimes one changes its shape each hour. Of whom `unknown` is true, nobody knows what is used.
ROWS = """
SELECT t AS slot, t + interval '20 s' AS reported_at, now() AS stored_at, n * 1000 AS egress_bytes, n AS source,
    1 + (n + CASE WHEN n %% 100 = 0 THEN extract(minute FROM t)::int / 30 ELSE 0 END) %% 40 AS shape, 1 AS components,
    n AS workload_requested_millicores, n * 2 AS workload_requested_mib, 700 AS platform_requested_millicores,
    900 AS platform_requested_mib, CASE WHEN NOT ({unknown}) THEN n / 2 END AS workload_used_millicores,
    CASE WHEN NOT ({unknown}) THEN n END AS workload_used_mib,
    CASE WHEN NOT ({unknown}) THEN 300 + n %% 50 END AS platform_used_millicores,
    CASE WHEN NOT ({unknown}) THEN 400 + n %% 70 END AS platform_used_mib, 0::smallint AS epoch, 1::smallint AS origin
FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', make_interval(secs => %(length)s)) t,
    generate_series(%(first)s::int, %(count)s::int) n
WHERE NOT ({but})
"""


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.usage_roll_up", seconds=400)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ExitStack() as cleanup:
        begin(cleanup)
        print(json.dumps([_measure()]))


def fill(
    start: datetime,
    end: datetime,
    *,
    count: int,
    length: int = 300,
    first: int = 1,
    but: str = "false",
    unknown: str = "false",
) -> None:
    """Write a day's samples of so many runtimes in bulk, save those of runtime n and slot t of which `but` is true."""
    from billing.usage import partitions

    partitions.make(start.date())
    values = {"start": start, "end": end, "first": first, "count": count, "length": length}
    pack_rows(ROWS.replace("{but}", but).replace("{unknown}", unknown), values)


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

    day = yesterday()
    make_fleet(RUNTIMES, born=day - timedelta(days=3))
    with connection.cursor() as cursor:
        cursor.execute(SHAPES)
    fill(day, day + timedelta(hours=HOURS), count=RUNTIMES)
    bare_rows()
    gappy = day - timedelta(days=2)  # so far away that neither day looks at the other
    fill(gappy, gappy + timedelta(hours=HOURS), count=RUNTIMES, but=MISSING, unknown=UNKNOWN)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE usage_slot")
    statements = _statements()
    took: dict[str, list[float]] = {name: [] for name in (*statements, "rollup", "alone", "gappy")}
    worked: dict[str, list[float]] = {"sum": [], "alone": [], "gappy": []}
    context = get_context("spawn")
    together = context.Barrier(WORKERS)
    with ProcessPoolExecutor(WORKERS, context, initializer=begin_working, initargs=(together,)) as pool:
        _side_by_side(pool)  # connected, and nothing to do yet
        for _ in range(ROUNDS):
            for name in ("rollup", "alone", "gappy"):
                _mark_all(gappy if name == "gappy" else day)
                took["sum"].append(_timed(statements["sum"]))
                began = processor_seconds()
                work = [_work()] if name == "alone" else _side_by_side(pool)
                if name == "alone":
                    worked[name].append(processor_seconds() - began)
                took[name].append(max(ended for _, _, ended in work) - min(began for _, began, _ in work))
                made = sum(each for each, _, _ in work)
                assert made == HOURS or (name == "gappy" and made > HOURS)  # a gap may reach across an edge
                for plain, statement in statements.items():
                    took[plain].append(_timed(statement))
            _mark_all(gappy)
            began = processor_seconds()
            _work()
            worked["gappy"].append(processor_seconds() - began)
            worked["sum"].append(worked_alone(statements["sum"]))
            print(took, worked, file=sys.stderr)
    return _entry(took, worked)


def _entry(took: dict[str, list[float]], worked: dict[str, list[float]]) -> dict[str, Any]:
    middle = {name: median(spent) for name, spent in took.items()}
    work = {name: median(spent) for name, spent in worked.items()}
    samples = RUNTIMES * HOURS * 12
    detail = {
        "median_ms": {name: round(spent * 1000, 1) for name, spent in middle.items()},
        "samples": samples,
        "samples_per_second": round(samples / middle["rollup"]),
        "workers": WORKERS,
        "processor_ms": {name: round(spent * 1000, 1) for name, spent in work.items()},
        "ratio_of_processor_time": round(work["sum"] / work["alone"], 4),
        "gappy_ratio": round(middle["sum"] / middle["gappy"], 4),
        "gappy_ratio_of_processor_time": round(work["sum"] / work["gappy"], 4),
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
        "sum": "SELECT sum(workload_used_millicores) FROM bare_sample",
        "nine_columns": f"SELECT {sums} FROM bare_sample",
        "sums_by_source": f"SELECT {largest} FROM (SELECT source, {sums} FROM bare_sample GROUP BY source) x",
    }


def _mark_all(day: datetime) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE usage_hour_block, usage_dirty, usage_dirty_day")
    mark(day, HOURS, RUNTIMES)


def _side_by_side(pool: ProcessPoolExecutor) -> list[tuple[int, float, float]]:
    """Let each worker do this once, all at the same time."""
    return [done.result() for done in [pool.submit(_work_together) for _ in range(WORKERS)]]


def _work_together() -> tuple[int, float, float]:
    wait_for_others()
    return _work()


def _work() -> tuple[int, float, float]:
    """Make hours; return how many, when it began and when it ended, by a clock that all processes share."""
    from billing.usage.hours import roll_up

    began = time.monotonic()
    return roll_up(), began, time.monotonic()


def _timed(statement: str) -> float:
    from django.db import connection

    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchone()[0]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
