"""Brings in what the simulator tells of the past, newest days first, through the door that every sample takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from billing.collecting.history import samples_of
from billing.collecting.samples import asleep_sample
from billing.footprint.making import make_days
from billing.usage import days, hours, partitions
from billing.usage.backdating import date_back
from billing.usage.ingest import MOST_ROWS, ingest
from billing.usage.samples import Ingested, Origin, SampleIn
from billing.usage.slots import day_of, floor
from controlplane.config.demo.client import Client
from controlplane.config.demo.usage import SURGE, Story, Stretch
from controlplane.tenants.access import SYSTEM
from provisioner.runtimes.models import Runtime

NAMESPACE = "garden-nesoi"
_OF_NODES = ("vcpu", "memory", "node")


@dataclass(frozen=True)
class Told:
    """A runtime that the simulator can tell of. `made` is when it was really made: from then on the collector sees it."""

    story: Story
    runtime: UUID
    cluster: str
    modules: tuple[str, ...]
    made: datetime

    @classmethod
    def of(cls, story: Story, row: Runtime) -> Told:
        """Return it by its row; its id says when it was made, whatever it is dated back to."""
        made = datetime.fromtimestamp((row.id.int >> 80) / 1000, UTC)
        modules = tuple(str(name) for name in row.status.get("modules") or ())
        return cls(story, row.id, row.cluster_name, modules, floor(made, settings.USAGE_SLOT_SECONDS))


class History:
    """The simulator's memory, and how it becomes samples; `say` tells what happens."""

    def __init__(self, simulator: Client, say: Callable[[str], None]) -> None:
        self._simulator = simulator
        self._say = say
        self.samples = 0

    def bring(self, told: Iterable[Told], window: Stretch) -> None:
        """Bring in a window of some runtimes' past, and make its hours and days."""
        by_day: dict[date, list[SampleIn]] = defaultdict(list)
        for each in told:
            for sample in self._wanted(each, window):
                by_day[day_of(sample.slot)].append(sample)
        for day, samples in sorted(by_day.items(), reverse=True):
            partitions.make(day)
            self.samples += hand_over(samples).accepted
        roll_up()

    def bring_late(self, told: Told) -> int:
        """Bring in what was held back; return how many samples that were."""
        if told.story.late is None:
            return 0
        found = hand_over(list(self._read(told, told.story.late)))
        roll_up()
        return found.accepted

    def bring_surge(self, told: Told) -> int:
        """Bring in the hours in which a runtime was larger than ever; return how many samples those were."""
        if told.story.surge is None:
            return 0
        found = hand_over([_enlarged(sample) for sample in self._read(told, told.story.surge)])
        roll_up()
        return found.accepted

    def contest(self, told: Told) -> int:
        """Tell one slot again, differently; return how many samples went to quarantine for it."""
        if told.story.contested is None:
            return 0
        stretch = told.story.contested, told.story.contested + timedelta(seconds=1)
        again = [
            sample._replace(
                gauges=sample.gauges._replace(
                    workload_requested_millicores=2 * sample.gauges.workload_requested_millicores + 1
                )
            )
            for sample in self._read(told, stretch)
        ]
        return len(ingest(batch=again, origin=Origin.AGENT).quarantined)

    def _wanted(self, told: Told, window: Stretch) -> Iterator[SampleIn]:
        past = told.story.past
        begin, end = max(window[0], past.since), min(window[1], past.ended or told.made, told.made)
        if begin >= end:
            return
        story = told.story
        holes = [*story.missed, *(stretch for stretch in (story.late, story.surge) if stretch)]
        for sample in self._read(told, (begin, end)):
            if any(start <= sample.slot < stop for start, stop in holes):
                continue
            if past.slept is not None and past.woke is not None and past.slept <= sample.slot < past.woke:
                yield asleep_sample(sample.runtime, sample.slot, sample.reported_at, 0)
            else:
                yield sample

    def _read(self, told: Told, stretch: Stretch) -> Iterator[SampleIn]:
        begin, end = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in stretch)
        step = settings.USAGE_SLOT_SECONDS
        answer: Any = self._simulator.get(
            f"/simulator/v1/usage?namespace={NAMESPACE}&shoot={told.cluster}&from={begin}&to={end}&step={step}"
        )
        return samples_of(answer, told.runtime, modules=told.modules)


def _enlarged(sample: SampleIn) -> SampleIn:
    """The same sight of a cluster with more nodes, which its work asked for."""
    levels = {
        meter: {name: level * (SURGE if meter in _OF_NODES else 1) for name, level in found.items()}
        for meter, found in sample.levels.items()
    }
    gauges = sample.gauges
    grown: dict[str, Any] = {
        name: None if value is None else value * SURGE
        for name, value in gauges._asdict().items()
        if name.startswith(("workload_", "allocatable_"))
    }
    return sample._replace(levels=levels, gauges=gauges._replace(**grown))


def give_past(told: Told) -> bool:
    """Date a runtime that stands back; its end comes later."""
    past = told.story.past
    open_end = type(past)(past.since, past.slept, past.woke)
    return date_back(actor=SYSTEM, runtime_id=told.runtime, past=open_end)


def hand_over(samples: Sequence[SampleIn]) -> Ingested:
    """Hand samples to the store in batches; those that are there already are counted and left."""
    accepted = duplicates = 0
    for start in range(0, len(samples), MOST_ROWS):
        found = ingest(batch=samples[start : start + MOST_ROWS], origin=Origin.BACKFILL)
        accepted, duplicates = accepted + found.accepted, duplicates + found.duplicates
        for fault in found.refused[:1]:
            raise ValueError(f"{samples[start + fault.row].runtime}: {fault.detail}")
    return Ingested(accepted, duplicates)


def roll_up() -> None:
    """Make the hours, days and footprints of what was brought in, as the beat would in a while."""
    while hours.roll_up():
        pass
    while days.roll_up_days():
        pass
    while make_days():
        pass
