"""Runtimes with days of usage for tests of footprints: samples go in as collectors bring them, and days are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from billing.footprint.making import make_days
from billing.usage import closing, days, hours
from billing.usage.ingest import ingest
from billing.usage.models import Source
from billing.usage.samples import Gauges, Origin, SampleIn
from tests.usage import HOUR, SLOT, begin, live

# Two nodes of two cores and eight GiB.
LEVELS = {
    "memory": {"": 16384},
    "node": {"m5.large": 2},
    "vcpu": {"": 4000},
    "block_storage": {"gp3": 100},
}
COMPONENTS = {"istio": (100, 128), "metrics-server": (50, 64)}


def midnight(days_ago: int) -> datetime:
    """Return the first moment of a day of UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


def runtime(days_ago: int, **span: Any) -> Source:
    """A runtime that has lived since a day's first moment."""
    start = midnight(days_ago)
    begin(*(start + timedelta(days=number) for number in range(days_ago + 1)))
    return live(start, **span)


def seen(
    source: Source | UUID,
    days_ago: int,
    *,
    hours_seen: int = 24,
    every: timedelta = SLOT,
    levels: Mapping[str, Mapping[str, int]] = LEVELS,
    components: Mapping[str, tuple[int, int]] = COMPONENTS,
    **gauges: int | None,
) -> None:
    """Take in the samples of a day's first hours."""
    shown: dict[str, Any] = {
        "workload_requested_millicores": 1000,
        "workload_requested_mib": 4096,
        "platform_requested_millicores": 400,
        "platform_requested_mib": 1024,
        "workload_used_millicores": 1500,
        "workload_used_mib": 2048,
        "platform_used_millicores": 200,
        "platform_used_mib": 512,
        "allocatable_millicores": 3800,
        "allocatable_mib": 14336,
        **gauges,
    }
    start = midnight(days_ago)
    batch = []
    for number in range(int(hours_seen * HOUR / every)):
        slot = start + number * every
        use = components if slot.minute == 0 else None
        which = source if isinstance(source, UUID) else source.runtime
        batch.append(SampleIn(which, 0, slot, levels, components, Gauges(**shown), slot, use))
    _taken(batch)


def _taken(batch: Sequence[SampleIn]) -> None:
    found = ingest(batch=batch, origin=Origin.BACKFILL)
    assert not found.refused, found.refused
    assert not found.quarantined, found.quarantined


def make(days_ago: int = 2) -> int:
    """Make hours of samples, days of hours, footprints of days; return how many days had one made.

    Hours since a day's first moment in which nobody saw a runtime are unknown.
    """
    closing.begin_again(midnight(days_ago))
    closing.close_hours()
    while hours.roll_up():
        pass
    days.roll_up_days()
    return make_days()
