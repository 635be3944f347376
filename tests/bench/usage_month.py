"""What a tenant's month costs to read however often it was sampled, and what late samples cost against making all anew.

Two tenants' fleets live through the same thirty days, one sampled every five minutes, one every minute. The late samples are a
hundredth of the first fleet's: seven hours in which nothing of it could be read, handed in afterwards; taking them in counts as
well as making their hours and days anew. Samples lie packed, 512 of a slot in a row; the SUM is over the samples of both
fleets as plain rows in a logged table without an index.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from tests.bench.apart import measured_apart
from tests.bench.usage_place import bare_rows, begin, entry, make_fleet, processor_seconds, yesterday
from tests.bench.usage_roll_up import SHAPES, fill, mark

NAMES = ("tenant_month_ratio", "sampling_growth", "late_ratio")
GOAL_MONTH, GOAL_GROWTH, GOAL_LATE = 0.02, 1.10, 0.05
# Who is sampled how often: each fleet lies in a block of its own.
OFTEN, SELDOM = range(1, 21), range(521, 621)
DAYS, READS = 30, 300
LATE_DAYS = (4, 8, 12, 16, 20)
LATE_HOURS = 7
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def run() -> list[dict[str, Any]]:
    """Return the entries, measured in a process of its own."""
    return measured_apart("tests.bench.usage_month", seconds=900)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ExitStack() as cleanup:
        begin(cleanup)
        print(json.dumps(_measure()))


def _measure() -> list[dict[str, Any]]:
    from django.conf import settings
    from django.db import connection

    start = yesterday() - (DAYS - 1) * DAY
    make_fleet(SELDOM[-1], born=start - DAY)
    with connection.cursor() as cursor:
        cursor.execute(SHAPES)
    for length, first, last in ((60, OFTEN[0], OFTEN[-1]), (300, SELDOM[0], SELDOM[-1])):
        settings.USAGE_SLOT_SECONDS = length
        for number in range(DAYS):
            fill(start + number * DAY, start + (number + 1) * DAY, first=first, count=last, length=length)
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE usage_dirty; ANALYZE usage_slot")
        mark(start, DAYS * 24, last, first=first)
        whole = _timed(_settle)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE usage_day, usage_day_life, usage_slot")
    bare_rows()
    mark(start, DAYS * 24, SELDOM[-1], first=SELDOM[0])
    worked = processor_seconds()
    whole = _timed(_settle)  # once more, over rows that are there, as late samples find them
    worked = processor_seconds() - worked
    return [*_reading(start), _late(start, whole, worked)]


def _reading(start: datetime) -> list[dict[str, Any]]:
    from billing.usage.reading import used

    first, last = start.date(), (start + DAYS * DAY).date()
    tenants = {"minute": _tenant(OFTEN[0]), "five_minutes": _tenant(SELDOM[0])}
    seconds: dict[str, list[float]] = {name: [] for name in tenants}
    for number in range(READS + 5):
        for name, tenant in tenants.items():
            spent = _timed(lambda tenant=tenant: used(tenant_id=tenant, first=first, last=last))  # type: ignore[misc]
            if number >= 5:
                seconds[name].append(spent)
    bare = median(_timed(_sum) for _ in range(5))
    p95 = {name: quantiles(taken, n=20)[18] for name, taken in seconds.items()}
    detail = {
        "p95_ms": {name: round(taken * 1000, 2) for name, taken in p95.items()},
        "median_ms": {name: round(median(taken) * 1000, 2) for name, taken in seconds.items()},
        "sum_ms": round(bare * 1000, 1),
    }
    growth = p95["minute"] / p95["five_minutes"]
    return [
        entry("tenant_month_ratio", median(seconds["five_minutes"]) / bare, GOAL_MONTH, "most", detail),
        entry("sampling_growth", growth, GOAL_GROWTH, "most", detail),
    ]


def _late(start: datetime, whole: float, worked: float) -> dict[str, Any]:
    """Lose and hand in hours of one day after the other: a collector has taken in samples before, so the median counts."""
    spent, work, recomputing = zip(
        *(_absorbed(start + day * DAY + 9 * HOUR) for day in LATE_DAYS), strict=True
    )
    detail = {
        "late_rows": LATE_HOURS * 12 * len(SELDOM),
        "absorbed_ms": [round(one * 1000, 1) for one in spent],
        "recomputed_ms": [round(one * 1000, 1) for one in recomputing],
        "everything_ms": round(whole * 1000, 1),
        "ratio_of_processor_time": round(median(work) / worked, 4),
        "ratio_of_the_recompute_alone": round(median(recomputing) / whole, 4),
    }
    return entry("late_ratio", median(spent) / whole, GOAL_LATE, "most", detail)


def _absorbed(lost: datetime) -> tuple[float, float, float]:
    """Lose some hours and hand them in afterwards; return seconds: on the clock, of processors, and of the recompute alone."""
    from django.db import connection

    from billing.usage.ingest import ingest
    from billing.usage.packed import block_of
    from billing.usage.samples import Origin
    from tests.bench.usage_place import samples_of

    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM usage_slot WHERE slot >= %s AND slot < %s AND block = %s",
            [lost, lost + LATE_HOURS * HOUR, block_of(SELDOM[0])],
        )
    for number in range(LATE_HOURS):
        mark(lost + number * HOUR, 1, SELDOM[-1], first=SELDOM[0])
    _settle()
    batch = [
        sample
        for number in range(LATE_HOURS * 12)
        for sample in samples_of(lost + number * timedelta(minutes=5), SELDOM)
    ]

    def take_in() -> None:
        assert ingest(batch=batch, origin=Origin.BACKFILL).accepted == len(batch)

    began = processor_seconds()
    taken, recomputed = _timed(take_in), _timed(_settle)
    return taken + recomputed, processor_seconds() - began, recomputed


def _settle() -> None:
    from billing.usage.days import roll_up_days
    from billing.usage.hours import roll_up

    while roll_up():
        pass
    roll_up_days()


def _sum() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(workload_used_millicores) FROM bare_sample")


def _tenant(number: int) -> UUID:
    from billing.usage.models import Span

    return UUID(str(Span.objects.get(source=number).tenant_id))


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
