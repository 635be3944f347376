"""The collector: visits every runtime of its shards once in each slot."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from billing.collecting.credentials import Credentials
from billing.collecting.delivery import Delivery
from billing.collecting.failures import ReadError
from billing.collecting.metrics import Measures
from billing.collecting.pacing import Bucket
from billing.collecting.parsing import read_sight
from billing.collecting.quantities import UnreadableError
from billing.collecting.reader import Reader
from billing.collecting.samples import Held, asleep_sample, between, sample_of
from billing.collecting.sight import Sight
from billing.collecting.targets import Place, Target
from billing.collecting.visits import Visit, Visits
from billing.usage.samples import Origin

log = structlog.get_logger(__name__)
HOUR = 3600
BACKFILL_SLOTS = 36  # three hours
STILL_SECONDS = 0.5  # the longest that a newcomer waits to be noticed


@dataclass(frozen=True)
class Plan:
    """What the collector keeps to; seconds, and counts."""

    slot: int = 300
    concurrency: int = 200
    of_one_landscape: int = 50  # at once, so that one that hangs leaves room for the others
    reads_per_second: float = 100.0  # of one landscape's clusters
    backfill_slots: int = BACKFILL_SLOTS


@dataclass
class Work:
    """What there is to read, kept up to date by somebody else."""

    places: Mapping[UUID, Place] = field(default_factory=dict)
    doubtful: set[UUID] = field(default_factory=set)  # that failed: what is known of them may be old


class Collector:
    """Reads, hands over, and plans the next visit; `stop` ends it after what is under way."""

    def __init__(
        self,
        plan: Plan,
        *,
        credentials: Credentials,
        reader: Reader,
        delivery: Delivery,
        measures: Measures,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.work = Work()
        self.visits = Visits(plan.slot)
        self._credentials = credentials
        self._reader = reader
        self._delivery = delivery
        self._measures = measures
        self._clock = clock
        self._held: dict[UUID, Held] = {}
        self._use_told: dict[UUID, int] = {}
        self._buckets: dict[UUID, Bucket] = {}
        self._under_way: Counter[UUID] = Counter()
        self._stop = asyncio.Event()
        self._moved = asyncio.Event()
        self._slot = 0
        self._read_in_slot = self._missed_in_slot = 0

    def match(self, targets: Mapping[UUID, Target], read: set[UUID]) -> None:
        """Visit these runtimes and no others; those in `read` were read in this slot already."""
        gone = dict.fromkeys(self.visits.runtimes() - targets.keys())
        self.change({**targets, **gone}, read)

    def change(self, targets: Mapping[UUID, Target | None], read: Collection[UUID] = ()) -> None:
        """Learn of some runtimes; None is one that is not to be visited any more."""
        now = self._clock()
        for runtime, target in targets.items():
            if target is None:
                self._drop(runtime)
            elif runtime in self.visits:
                self.visits.change(target)
            elif runtime in read:
                self.visits.skip(target, now)
                self._read_in_slot += 1
            else:
                self.visits.add(target, now)
        self._moved.set()

    def remember(self, held: Mapping[UUID, Held]) -> None:
        """Take the store's word for what was seen last of runtimes that we have not seen ourselves."""
        for runtime, each in held.items():
            self._held.setdefault(runtime, each)

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()
        self._moved.set()

    async def run(self, *, leave_seconds: float = 10.0) -> None:
        """Visit until stopped; what is under way then has `leave_seconds`."""
        under_way: set[asyncio.Task[None]] = set()
        places = asyncio.Semaphore(self.plan.concurrency)
        while not self._stop.is_set():
            await places.acquire()
            visit = await self._next()
            if visit is None:
                break
            task = asyncio.create_task(self._make(visit))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            task.add_done_callback(lambda _: places.release())
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=leave_seconds)
            for task in late:
                task.cancel()

    async def _next(self) -> Visit | None:
        """Wait for a visit that is due; None when there is to be no other."""
        while not self._stop.is_set():
            self._moved.clear()
            now = self._clock()
            self._tell(now)
            visit = self.visits.pop(now)
            if visit is not None:
                return visit
            rest = min(max(self.visits.rest(now), 0.0), STILL_SECONDS)
            try:
                await asyncio.wait_for(self._moved.wait(), rest)
            except TimeoutError:
                continue
        return None

    async def _make(self, visit: Visit) -> None:
        """Make one visit; whatever goes wrong is counted and tried again."""
        began = self._clock()
        slot = self.visits.slot_of(began)
        if slot != visit.slot:  # it waited past its slot's end: nobody can know that slot's sight any more
            self._miss(visit)
            visit.slot, visit.attempts = slot, 0
        try:
            await self._visit(visit)
        except (ReadError, UnreadableError) as error:
            self._failed(visit, error)
        except Exception:
            log.exception("collector.broke", runtime=str(visit.target.runtime))
            self._failed(visit, ReadError("broke", "see the log"))
        else:
            self._measures.read.inc()
            self._measures.seconds.observe(self._clock() - began)
            if visit.slot == self._slot:
                self._read_in_slot += 1
            self.visits.done(visit)

    async def _visit(self, visit: Visit) -> None:
        target, place = visit.target, self.work.places.get(visit.target.landscape)
        if place is None:
            raise ReadError("no_landscape", "the landscape is not known yet")
        slot = datetime.fromtimestamp(visit.slot, UTC)
        if target.asleep:
            self._held.pop(target.runtime, None)
            now = datetime.fromtimestamp(self._clock(), UTC)
            sample = asleep_sample(target.runtime, slot, now, place.asleep_control_planes)
            self._delivery.put(sample, Origin.COLLECTOR)
            return
        async with self._room(place):
            access = await self._credentials.of(target, place)
            answers = await self._reader.read(access)
        at = self._clock()
        if self.visits.slot_of(at) != visit.slot:
            raise ReadError("too_late", "the slot ended meanwhile")
        moment = datetime.fromtimestamp(at, UTC)
        seen = read_sight(answers, at=moment, modules=target.modules, own_nodes=dict(target.own_nodes))
        if self.visits.holds(visit):  # else another copy reads it from now on, or it is gone
            self._hand_over(target.runtime, slot, seen)

    def _hand_over(self, runtime: UUID, slot: datetime, seen: Sight) -> None:
        hour = int(slot.timestamp()) // HOUR
        known = seen.reading.usage_known
        sample = sample_of(runtime, slot, seen, with_use=known and self._use_told.get(runtime) != hour)
        if known:
            self._use_told[runtime] = hour
        self._delivery.put(sample, Origin.COLLECTOR)
        held = Held(slot, seen.present, sample, seen.newest)
        before = self._held.get(runtime)
        if before is not None:
            for proved in between(before, held, seconds=self.plan.slot, most=self.plan.backfill_slots):
                self._delivery.put(proved, Origin.BACKFILL)
        self._held[runtime] = held
        if seen.oddities:
            self._measures.odd.inc(len(seen.oddities))
            log.info("collector.odd", runtime=str(runtime), oddities=list(seen.oddities[:5]))

    def _failed(self, visit: Visit, error: Exception) -> None:
        reason = error.reason if isinstance(error, ReadError) else "unreadable"
        after = error.after if isinstance(error, ReadError) else 0.0
        runtime = visit.target.runtime
        self._measures.failed.labels(reason).inc()
        if reason in ("unauthorized", "untrusted"):
            self._credentials.forget(runtime)
        if not after:
            self.work.doubtful.add(runtime)
        luck = random.random()  # noqa: S311 - spreads load, guards nothing
        if visit.attempts == 0 and not after:
            log.info("collector.not_read", runtime=str(runtime), error=str(error))
        if self.visits.failed(visit, self._clock(), luck=luck, after=after):
            self._miss(visit)

    def _miss(self, visit: Visit) -> None:
        self._measures.missed.inc()
        if visit.slot == self._slot:
            self._missed_in_slot += 1

    def _drop(self, runtime: UUID) -> None:
        self.visits.drop(runtime)
        self._credentials.forget(runtime)
        self._held.pop(runtime, None)
        self._use_told.pop(runtime, None)

    @asynccontextmanager
    async def _room(self, place: Place) -> AsyncIterator[None]:
        """Hold one of the places and tokens that a landscape's clusters have; raises ReadError when none is free soon."""
        rate = self.plan.reads_per_second
        bucket = self._buckets.setdefault(place.id, Bucket(rate, max(rate, 1.0)))
        if self._under_way[place.id] >= self.plan.of_one_landscape:
            raise ReadError("crowded", f"landscape {place.key}", after=1.0)
        taken, seconds = bucket.take(asyncio.get_running_loop().time())
        if not taken:
            raise ReadError("crowded", f"landscape {place.key}", after=seconds)
        self._under_way[place.id] += 1
        try:
            if seconds:
                await asyncio.sleep(seconds)
            yield
        finally:
            self._under_way[place.id] -= 1

    def _tell(self, now: float) -> None:
        """Keep the gauges, and say once a slot how the last one went."""
        self._measures.behind.set(max(-self.visits.rest(now), 0.0))
        self._measures.waiting.set(self._delivery.waiting)
        slot = self.visits.slot_of(now)
        if slot == self._slot:
            return
        wanted, read = len(self.visits), self._read_in_slot
        if self._slot and wanted:
            self._measures.coverage.set(min(read / wanted, 1.0))
            log.info("collector.slot", read=read, missed=self._missed_in_slot, runtimes=wanted)
        self._slot, self._read_in_slot, self._missed_in_slot = slot, 0, 0
