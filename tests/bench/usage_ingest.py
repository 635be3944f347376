"""The speed of taking samples in: validated, deduplicated, committed rows against a COPY of them into a bare logged table.

Both begin with Python tuples of the same ten thousand rows and end with a commit; they take turns, batch by batch. What the
bare COPY gets are numbers already: it interns nothing and checks nothing. Then the very same batches come a second time, and once
more as if the batch were not known, so that each row is compared: that is in the detail, and so are ratios of processor time, of
both sides together, for time on a clock is also others'.
"""

from __future__ import annotations

import json
import random
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.processor import worked_seconds
from tests.bench.usage_place import begin, entry, make_fleet, samples_of, yesterday

NAMES = ("ingest_ratio", "replay_ratio")
GOAL_INGEST, GOAL_REPLAY = 0.25, 1.0
ROWS, BATCHES, WARM_UP = 10_000, 12, 2
WAYS = ("bare", "first", "again", "by_rows", "gathered")
GATHERINGS = 15  # as a collector's
SLOT = timedelta(minutes=5)

BARE = """
CREATE TABLE bare (
    slot timestamptz, reported_at timestamptz, stored_at timestamptz DEFAULT now(), egress_bytes bigint, source int, shape int,
    components int, g1 int, g2 int, g3 int, g4 int, g5 int, g6 int, g7 int, g8 int, epoch smallint, origin smallint
)
"""
TYPES = [
    "timestamptz",
    "timestamptz",
    "int8",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int4",
    "int2",
    "int2",
]
LOAD = """COPY bare (slot, reported_at, egress_bytes, source, shape, components, g1, g2, g3, g4, g5, g6, g7, g8, epoch, origin)
FROM STDIN (FORMAT binary)"""


def run() -> list[dict[str, Any]]:
    """Return both entries, measured in a process of its own."""
    return measured_apart("tests.bench.usage_ingest", seconds=400)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ExitStack() as cleanup:
        begin(cleanup)
        print(json.dumps(_measure()))


def _measure() -> list[dict[str, Any]]:
    from django.db import connection

    from billing.usage import partitions

    day = yesterday()
    partitions.make_ahead()
    make_fleet(ROWS, born=day - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(BARE)
        cursor.execute("SELECT pg_backend_pid()")
        (server,) = cursor.fetchone()
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    worked: dict[str, list[float]] = {name: [] for name in WAYS}
    logged: dict[str, list[int]] = {name: [] for name in WAYS}
    for number in range(BATCHES + WARM_UP):
        batch = samples_of(day + number * SLOT, range(1, ROWS + 1))
        gathered = _gatherings(day + (BATCHES + WARM_UP + number) * SLOT, number)
        for name in WAYS:
            if name == "by_rows":
                with connection.cursor() as cursor:
                    cursor.execute("DELETE FROM usage_batch")
            before, log = _processor(server), _logged()
            if name == "bare":
                spent = _bare(batch)
            elif name == "gathered":
                spent = sum(map(_ingest, gathered))
            else:
                spent = _ingest(batch, again=name != "first")
            if number >= WARM_UP:
                took[name].append(spent)
                worked[name].append(_processor(server) - before)
                logged[name].append(_logged() - log)
    ratio = median(bare / first for bare, first in zip(took["bare"], took["first"], strict=True))
    replay = median(again / first for again, first in zip(took["again"], took["first"], strict=True))
    by_rows = median(rows / first for rows, first in zip(took["by_rows"], took["first"], strict=True))
    gathered_ratio = median(bare / some for bare, some in zip(took["bare"], took["gathered"], strict=True))
    detail = {
        "ratio_of_processor_time": round(median(worked["bare"]) / median(worked["first"]), 4),
        "gathered_ratio": round(gathered_ratio, 4),
        "gathered_ratio_of_processor_time": round(median(worked["bare"]) / median(worked["gathered"]), 4),
        "logged_mb": {name: round(median(some) / 1e6, 2) for name, some in logged.items()},
        "processor_ms": {name: round(median(spent) * 1000, 1) for name, spent in worked.items()},
        "replay_by_rows": round(by_rows, 4),
        "median_ms": {name: round(median(spent) * 1000, 1) for name, spent in took.items()},
        "rows_per_second": round(ROWS / median(took["first"])),
        "rows": ROWS,
        "batches": BATCHES,
    }
    return [
        entry("ingest_ratio", ratio, GOAL_INGEST, "least", detail),
        entry("replay_ratio", replay, GOAL_REPLAY, "most", detail),
    ]


def _processor(server: int) -> float:
    """Return the seconds that this process and PostgreSQL's have worked, whoever else was at it."""
    return time.process_time() + worked_seconds(server)


def _logged() -> int:
    """Return how many bytes PostgreSQL has written to its log so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


def _gatherings(slot: datetime, seed: int) -> list[list[Any]]:
    """Return a slot of everybody in the order in which they were read, in parts."""
    numbers = random.Random(seed).sample(range(1, ROWS + 1), ROWS)
    return [samples_of(slot, numbers[part::GATHERINGS]) for part in range(GATHERINGS)]


def _ingest(batch: list[Any], *, again: bool = False) -> float:
    from billing.usage.ingest import ingest
    from billing.usage.samples import Origin

    began = time.perf_counter()
    result = ingest(batch=batch, origin=Origin.COLLECTOR)
    spent = time.perf_counter() - began
    assert (result.accepted, result.duplicates) == ((0, len(batch)) if again else (len(batch), 0)), result
    return spent


def _bare(batch: list[Any]) -> float:
    from django.db import connection, transaction

    rows = [
        (s.slot, s.reported_at, s.gauges[8], number, 1, 1, *s.gauges[:8], s.epoch, 1)
        for number, s in enumerate(batch)
    ]
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor, cursor.copy(LOAD) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
