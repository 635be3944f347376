"""What a tenant's month costs to read however often it was sampled, and what late samples cost against making all anew.

Three fleets, ten runtimes a tenant, live through the same thirty days: twenty runtimes sampled every minute, a hundred and a
thousand every five minutes. A tenant's month is read among the thousand, as many as are set up within a minute where a real fleet
has twice as many; the SUM is over the samples of that fleet alone, as plain rows in a logged table without an index, and grows as
the fleet does while the reading does not.

Late samples are a hundredth of the hundred runtimes' month: hours of a day in which nothing of them could be read, handed in
afterwards. Like is held against like: making anew what they changed, hours and days, against making all of the month anew. Taking
samples in has a goal of its own, by which a hundredth of them may take as long as two fifths of making all (a COPY of a row takes
some thirty times what its part of a SUM does): counted on one side alone it would leave nothing to measure. In the detail: from
their arrival on, on both sides (`ratio_from_arrival`), and with what taking them in costs on the late side only
(`ratio_to_making_alone`); the same for the thousand, whose batches have the same size; and the same number of samples scattered
over the month, one of each slot, so that every block, hour and day changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import islice
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.bench.apart import measured_apart
from tests.bench.usage_place import (
    bare_rows,
    begin,
    entry,
    make_fleet,
    processor_seconds,
    samples_of,
    yesterday,
)
from tests.bench.usage_roll_up import SHAPES, fill, mark

if TYPE_CHECKING:
    from billing.usage.samples import SampleIn

NAMES = ("tenant_month_ratio", "sampling_growth", "late_ratio")
GOAL_MONTH, GOAL_GROWTH, GOAL_LATE = 0.02, 1.10, 0.05
# Who is sampled how often: each fleet lies in blocks of its own, and begins with a tenant.
OFTEN, FEW, MANY = range(1, 21), range(521, 621), range(1031, 2031)
DAYS, READS = 30, 300
LATE_DAYS = (4, 8, 12, 16, 20)
BATCH = 10_000
HOUR, DAY, SLOT = timedelta(hours=1), timedelta(days=1), timedelta(minutes=5)
SLOTS = DAYS * DAY // SLOT
# One runtime of each slot, another one in each: of a hundred neighbours exactly a hundredth.
SCATTERED = "(n + extract(epoch FROM t)::bigint / 300) %% 100 = 0"


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
    make_fleet(MANY[-1], born=start - DAY)
    with connection.cursor() as cursor:
        cursor.execute(SHAPES)
    for length, fleet in ((60, OFTEN), (300, FEW), (300, MANY)):
        settings.USAGE_SLOT_SECONDS = length
        for number in range(DAYS):
            fill(
                start + number * DAY,
                start + (number + 1) * DAY,
                first=fleet[0],
                count=fleet[-1],
                length=length,
            )
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE usage_dirty; ANALYZE usage_slot")
        _everything(start, fleet)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE usage_day, usage_day_life, usage_slot")
    bare_rows(first_block=MANY[0] // 512)
    return [*_reading(start), _late(start)]


def _reading(start: datetime) -> list[dict[str, Any]]:
    from billing.usage.reading import used

    first, last = start.date(), (start + DAYS * DAY).date()
    tenants = {"minute": _tenant(OFTEN[0]), "five_minutes": _tenant(MANY[0])}
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
        "runtimes_of_the_sum": len(MANY),
    }
    growth = p95["minute"] / p95["five_minutes"]
    return [
        entry("tenant_month_ratio", median(seconds["five_minutes"]) / bare, GOAL_MONTH, "most", detail),
        entry("sampling_growth", growth, GOAL_GROWTH, "most", detail),
    ]


def _late(start: datetime) -> dict[str, Any]:
    ratio, detail = _handed_in(start, FEW, LATE_DAYS)
    _, many = _handed_in(start, MANY, LATE_DAYS[:3])
    detail |= {f"{name}_of_{len(MANY)}_runtimes": value for name, value in many.items()}
    return entry("late_ratio", ratio, GOAL_LATE, "most", {**detail, **_scattered(start)})


def _handed_in(start: datetime, fleet: range, days: Sequence[int]) -> tuple[float, dict[str, Any]]:
    """Lose and hand in hours of one day after the other: a collector has taken in samples before, so the median counts."""
    whole, worked = _everything(start, fleet)  # over rows that are there, as late samples find them
    taken, remade, work = zip(*(_absorbed(start + day * DAY + 9 * HOUR, fleet) for day in days), strict=True)
    spent = median(one + other for one, other in zip(taken, remade, strict=True))
    ratio = median(remade) / whole
    detail = {
        "late_rows": SLOTS * len(fleet) // 100,
        "taken_in_ms": [round(one * 1000, 1) for one in taken],
        "remade_ms": [round(one * 1000, 1) for one in remade],
        "everything_ms": round(whole * 1000, 1),
        "ratio": round(ratio, 4),
        "ratio_of_processor_time": round(median(work) / worked, 4),
        "ratio_from_arrival": round(spent / (100 * median(taken) + whole), 4),
        "ratio_to_making_alone": round(spent / whole, 4),
    }
    return ratio, detail


def _absorbed(lost: datetime, fleet: range) -> tuple[float, float, float]:
    """Lose some hours and hand them in afterwards; return seconds: taking in, making anew, and processors' for that."""
    from django.db import connection

    from billing.usage.packed import block_of

    rows = SLOTS * len(fleet) // 100
    whole, rest = divmod(rows, len(fleet))
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM usage_slot WHERE slot >= %s AND slot < %s AND block BETWEEN %s AND %s",
            [lost, lost + (whole + bool(rest)) * SLOT, block_of(fleet[0]), block_of(fleet[-1])],
        )
    if rest:
        _take_in([samples_of(lost + whole * SLOT, fleet[rest:])])
    for number in range((whole + 12) // 12):
        mark(lost + number * HOUR, 1, fleet[-1], first=fleet[0])
    _settle()
    batches = _batches(sample for at in range(whole + 1) for sample in samples_of(lost + at * SLOT, fleet))
    return _timed_batches(batches, rows)


def _scattered(start: datetime) -> dict[str, Any]:
    """Lose one sample of each slot and hand all of them in: as many as before, and every hour of the month is made anew."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_slot WHERE block = %s", [FEW[0] // 512])
    for number in range(DAYS):
        at = start + number * DAY
        fill(at, at + DAY, first=FEW[0], count=FEW[-1], but=SCATTERED)
    _everything(start, FEW)
    whole, _ = _everything(start, FEW)  # over rows that are there
    slots = (start + number * SLOT for number in range(SLOTS))
    late = (
        sample
        for slot in slots
        for sample in samples_of(slot, [n for n in FEW if (n + int(slot.timestamp()) // 300) % 100 == 0])
    )
    taken, remade, _ = _timed_batches(_batches(late), SLOTS * len(FEW) // 100)
    return {
        "scattered_taken_in_ms": round(taken * 1000, 1),
        "scattered_remade_ms": round(remade * 1000, 1),
        "scattered_ratio": round(remade / whole, 4),
    }


def _batches(samples: Iterator[SampleIn]) -> Iterator[list[SampleIn]]:
    while batch := list(islice(samples, BATCH)):
        yield batch


def _timed_batches(batches: Iterator[list[SampleIn]], rows: int) -> tuple[float, float, float]:
    """Take in so many rows and make anew what they changed; return seconds: the one, the other, and processors' for the other."""
    taken = 0.0
    for batch in batches:
        late = batch[:rows]
        rows -= len(late)
        taken += _timed(lambda late=late: _take_in([late]))  # type: ignore[misc]
    began = processor_seconds()
    remade = _timed(_settle)
    return taken, remade, processor_seconds() - began


def _take_in(batches: Sequence[list[SampleIn]]) -> None:
    from billing.usage.ingest import ingest
    from billing.usage.samples import Origin

    for batch in batches:
        assert ingest(batch=batch, origin=Origin.BACKFILL).accepted == len(batch)


def _everything(start: datetime, fleet: range) -> tuple[float, float]:
    """Make all of a fleet's month anew; return seconds, on the clock and of processors."""
    mark(start, DAYS * 24, fleet[-1], first=fleet[0])
    worked = processor_seconds()
    spent = _timed(_settle)
    return spent, processor_seconds() - worked


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
