"""From sights to the samples that the usage store takes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from billing.collecting.sight import Sight
from billing.meters.base import Part, Reading, Share
from billing.meters.registry import measure, meters
from billing.usage.samples import Gauges, SampleIn

ASLEEP_EPOCH = 0  # the landscape's own word; a cluster that answers is never of this epoch
_NOTHING = Share()
Pairs = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Held:
    """The last sight of a runtime, as far as the next one needs it; of one that the store remembers `present` is empty."""

    slot: datetime
    present: bytes
    sample: SampleIn
    newest: datetime | None = None  # when the youngest of all that was counted was created


def sample_of(runtime: UUID, slot: datetime, seen: Sight, *, with_use: bool = False) -> SampleIn:
    """Return the sample of a sight; `with_use` adds the use of each component, which is wanted once an hour."""
    reading = seen.reading
    known = with_use and reading.usage_known
    return SampleIn(
        runtime=runtime,
        epoch=seen.epoch,
        slot=slot,
        levels=levels_of(seen.levels),
        components={
            name: (share.requested_millicores, share.requested_mib)
            for name, share in reading.components.items()
        },
        gauges=gauges_of(reading),
        reported_at=reading.at,
        component_use={
            name: (share.used_millicores, share.used_mib) for name, share in reading.components.items()
        }
        if known
        else None,
    )


def gauges_of(reading: Reading) -> Gauges:
    """Return what changes from slot to slot; use is None, all of it, where the cluster has no figures."""
    work = reading.parts.get(Part.WORKLOAD, _NOTHING)
    platform = reading.parts.get(Part.PLATFORM, _NOTHING)
    found = Gauges(
        workload_requested_millicores=work.requested_millicores,
        workload_requested_mib=work.requested_mib,
        platform_requested_millicores=platform.requested_millicores,
        platform_requested_mib=platform.requested_mib,
        egress_bytes=reading.egress_bytes,
        allocatable_millicores=sum(node.allocatable_millicores for node in reading.nodes),
        allocatable_mib=sum(node.allocatable_mib for node in reading.nodes),
    )
    if not reading.usage_known:
        return found
    return found._replace(
        workload_used_millicores=work.used_millicores,
        workload_used_mib=work.used_mib,
        platform_used_millicores=platform.used_millicores,
        platform_used_mib=platform.used_mib,
    )


def asleep_sample(runtime: UUID, slot: datetime, at: datetime, control_planes: int) -> SampleIn:
    """Return the sample of a cluster that hibernates: its landscape says that it has no nodes, and nobody can ask for more."""
    reading = Reading(at=at, control_planes=control_planes, usage_known=False)
    return SampleIn(runtime, ASLEEP_EPOCH, slot, measure(reading), {}, gauges_of(reading), at)


def between(before: Held, after: Held, *, seconds: int, most: int) -> Iterator[SampleIn]:
    """Yield the samples of the slots that were missed between two sights of the very same things, the last `most` of them.

    A uid is never given twice, so an object of both sights was there at every moment between. What came and went meanwhile stays
    unseen, and so unbilled. Use is unknown; of what was asked for, the less of both ends.
    """
    if not _same(before, after):
        return
    step = timedelta(seconds=seconds)
    slot = max(before.slot + step, after.slot - most * step)
    gauges = _less(before.sample.gauges, after.sample.gauges)
    components = _shared(before.sample.components, after.sample.components)
    while slot < after.slot:
        # It proves what was there in its slot, whenever it was found out: the store keeps that moment itself.
        yield after.sample._replace(
            slot=slot,
            components=components,
            gauges=gauges,
            reported_at=slot.astimezone(UTC),
            component_use=None,
        )
        slot += step


def _same(before: Held, after: Held) -> bool:
    """Say whether the very same things were seen: by their uids, or, where those of before are forgotten, by their age.

    What is there now and was created before the earlier sight stood all the time; with equal levels nothing else counted then.
    """
    if before.present:
        return before.present == after.present
    return (
        after.newest is not None
        and after.newest <= before.slot
        and (before.sample.epoch, before.sample.levels) == (after.sample.epoch, after.sample.levels)
    )


def levels_of(levels: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
    """Leave counters out: they have no level."""
    counters = [key for key in levels if meters()[key].counter]
    return {key: found for key, found in levels.items() if key not in counters} if counters else levels


def _less(first: Gauges, second: Gauges) -> Gauges:
    names = (
        "workload_requested_millicores",
        "workload_requested_mib",
        "platform_requested_millicores",
        "platform_requested_mib",
    )
    asked = {name: min(getattr(first, name), getattr(second, name)) for name in names}
    return Gauges(
        **asked, allocatable_millicores=second.allocatable_millicores, allocatable_mib=second.allocatable_mib
    )


def _shared(first: Pairs, second: Pairs) -> Pairs:
    if first == second:
        return second
    return {
        name: (min(first[name][0], pair[0]), min(first[name][1], pair[1]))
        for name, pair in second.items()
        if name in first
    }
