"""A fleet for tests of the usage store: sources and spans as the trigger leaves them, samples, and a brute-force oracle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction

from billing.usage import hour_blocks, interning, partitions, sources
from billing.usage.blocks import binary_cursor
from billing.usage.ingest import ingest
from billing.usage.models import Hour, Source, Span
from billing.usage.packed import BLOCK_SIZE
from billing.usage.packed_hours import HOUR as HOUR_RECORD
from billing.usage.packed_hours import NOT_SEEN, SIZE, Array, pack, unpack
from billing.usage.samples import Gauges, Ingested, Origin, SampleIn
from controlplane.kernel.ids import uuid7

SLOT = timedelta(minutes=5)
HOUR = timedelta(hours=1)
TENANT, OTHER = UUID(int=0xA), UUID(int=0xB)
ACCOUNT = UUID(int=0xACC)
SMALL = {"vcpu": {"": 4000}, "node": {"m5.large": 2}}
LARGE = {"vcpu": {"": 8000}, "node": {"m5.large": 4}}


def morning(days_ago: int = 2) -> datetime:
    """Return ten o'clock of a day that is over and has its partition."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - days_ago * timedelta(days=1) + timedelta(hours=10)


def begin(*moments: datetime) -> None:
    """Make the partitions of these moments' days and of their neighbours; forget what another test's database held."""
    sources.forget()
    interning.forget()
    for moment in moments:
        for offset in (-1, 0, 1):
            partitions.make(moment.date() + timedelta(days=offset))


def live(born: datetime, *, gone: datetime | None = None, tenant: UUID = TENANT, **span: Any) -> Source:
    """A runtime that lived [born, gone) in one span."""
    source: Source = Source.objects.create(runtime=uuid7(), born=born, gone=gone)
    piece(source, born, gone, tenant=tenant, **span)
    return source


def piece(
    source: Source, since: datetime, until: datetime | None, *, tenant: UUID = TENANT, **changes: Any
) -> Span:
    """A span of a runtime."""
    fields = {
        "account": ACCOUNT,
        "plan": "aws",
        "region": "eu-central-1",
        "provider": "aws",
        "phase": "ready",
    }
    span: Span = Span.objects.create(
        source=source.id,
        runtime=source.runtime,
        tenant_id=tenant,
        since=since,
        until=until,
        **{**fields, **changes},
    )
    return span


def sight(source: Source, slot: datetime, **changes: Any) -> SampleIn:
    """A sample of a slot."""
    levels = changes.pop("levels", SMALL)
    epoch = changes.pop("epoch", 0)
    reported = changes.pop("reported_at", slot + timedelta(seconds=20))
    used = dict.fromkeys(Gauges._fields[4:8], 100)
    gauges = Gauges(**{"workload_requested_millicores": 500, "egress_bytes": 10, **used, **changes})
    return SampleIn(source.runtime, epoch, slot, levels, {}, gauges, reported)


def slots(start: datetime, count: int) -> list[datetime]:
    """Return slots one after the other."""
    return [start + number * SLOT for number in range(count)]


def send(batch: Sequence[SampleIn], origin: Origin = Origin.COLLECTOR) -> Ingested:
    """Take a batch in."""
    return ingest(batch=batch, origin=origin)


def made(start: datetime | None = None) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Return the hours that were made: seconds by (hour, source, span, shape)."""
    rows = Hour.objects.all() if start is None else Hour.objects.filter(hour__gte=start)
    return {
        (row.hour, row.source, row.span, row.shape): (
            row.observed_seconds, row.inferred_seconds, row.unknown_seconds, row.used_seconds,
            row.workload_requested_millicores, row.workload_used_millicores, row.egress_bytes,
        )
        for row in rows
    }  # fmt: skip


def keep_hour(hour: datetime, source: int) -> None:
    """Write down that nobody saw a source for an hour, past the making of hours."""
    record = np.zeros(1, HOUR_RECORD)
    record["source"], record["seconds"][:, NOT_SEEN] = source, 3600
    _put(hour, record, source // SIZE)


def forget_hours(source: Source | None = None) -> None:
    """Take hours away that were made, all or one runtime's."""
    with transaction.atomic(), binary_cursor() as cursor:
        cursor.execute("DELETE FROM usage_hour_block RETURNING hour, block, hours")
        rows = cursor.fetchall()
    for hour, block, held in rows:
        if source is not None:
            _put(hour, unpack(held)[unpack(held)["source"] != source.id], block)


def _put(hour: datetime, records: Array, block: int) -> None:
    parts = {place: parts for _, place, parts in pack([records], block * SIZE // BLOCK_SIZE)}
    with transaction.atomic(), binary_cursor() as cursor:
        hour_blocks.put(cursor, {(hour, block): parts[block]}, over=())


def second_by_second(
    samples: Iterable[tuple[int, int, int, int]],
    lives: Iterable[tuple[int, int, int]],
    *,
    start: int,
    end: int,
    length: int,
) -> dict[tuple[int, int], tuple[int, int, int, int]]:
    """The oracle: look at every second by itself, as slow as can be, and say what is known of it.

    `samples` are (slot, epoch, shape, millicores), `lives` (id, since, until); answers observed, inferred and unknown seconds and
    millicores x seconds by (span, shape).
    """
    told = sorted(samples)
    found: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for second in range(start, end):
        span = next((number for number, since, until in lives if since <= second < until), None)
        if span is None:
            continue
        seen = [sample for sample in told if sample[0] <= second < sample[0] + length]
        if seen:
            _, _, shape, cores = max(seen, key=lambda sample: sample[1])
            found[span, shape][0] += 1
            found[span, shape][3] += cores
            continue
        before = max((s for s in told if s[0] + length <= second), default=None)
        after = min((s for s in told if s[0] > second), default=None)
        if before and after:
            before = max((s for s in told if s[0] == before[0]), key=lambda s: s[1])
            after = max((s for s in told if s[0] == after[0]), key=lambda s: s[1])
            near = after[0] - before[0] - length <= 1800
            if near and before[1:3] == after[1:3]:
                found[span, before[2]][1] += 1
                continue
        found[span, 0][2] += 1
    return {key: (sums[0], sums[1], sums[2], sums[3]) for key, sums in found.items()}
