"""The collector's process: threads for what blocks, one loop for what waits, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from aiohttp import web
from django.conf import settings
from django.db import Error, connection
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from billing.collecting import worklist
from billing.collecting.collector import BACKFILL_SLOTS, Collector, Plan
from billing.collecting.credentials import Credentials
from billing.collecting.delivery import Delivery
from billing.collecting.metrics import Measures
from billing.collecting.reader import Reader, Timeouts, session_for
from billing.collecting.remembering import last_seen
from billing.collecting.samples import Held
from billing.collecting.shards import Shards
from billing.collecting.targets import Place, Target
from billing.usage.partitions import make_ahead

log = structlog.get_logger(__name__)
T = TypeVar("T")

LOOK_SECONDS = 5.0
READ_ALL_EVERY = 120  # looks: ten minutes
LEAVE_SECONDS = 10.0
_MINTING_THREADS = 8


def _close() -> None:
    """Close this thread's connection."""
    connection.close()


@dataclass(frozen=True)
class _Found:
    """What one look at the database gave: every target, or those that changed; None is not ours to read."""

    targets: Mapping[UUID, Target | None]
    whole: bool
    places: Mapping[UUID, Place]
    read: set[UUID]
    seen: Mapping[UUID, Held]  # last, of those that came to us now


class Process:
    """One copy of the collector."""

    def __init__(self) -> None:
        self.measures = Measures()
        self._database = ThreadPoolExecutor(1, thread_name_prefix="collector-database")
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="collector-storing")
        self._minting = ThreadPoolExecutor(_MINTING_THREADS, thread_name_prefix="collector-minting")
        self._shards = Shards()
        self._worklist = worklist.Worklist()
        self._stop = asyncio.Event()
        self._store_all: Callable[[], bool] = lambda: True
        self._looks = 0
        self._told = True  # the collector, of what the last look gave

    def stop(self) -> None:
        """Begin nothing more, store what was read, and end."""
        self._stop.set()

    async def run(self) -> None:
        """Collect until stopped, by `stop`, SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        plan = Plan(
            slot=settings.USAGE_SLOT_SECONDS,
            concurrency=settings.COLLECTOR_CONCURRENCY,
            of_one_landscape=max(settings.COLLECTOR_CONCURRENCY // 4, 1),
            reads_per_second=settings.COLLECTOR_READS_PER_SECOND,
        )
        delivery = Delivery(self._storing, self.measures, slot=plan.slot)
        self._store_all = partial(delivery.flush_from_outside, loop)
        async with session_for(plan.concurrency) as session:
            collector = Collector(
                plan,
                credentials=Credentials(
                    self._minting, ttl=timedelta(seconds=settings.COLLECTOR_CREDENTIAL_SECONDS)
                ),
                reader=Reader(session, Timeouts.of(settings.COLLECTOR_REQUEST_SECONDS)),
                delivery=delivery,
                measures=self.measures,
            )
            server = await self._serve(collector)
            tasks = [
                asyncio.create_task(each)
                for each in (delivery.run(), self._follow(collector), self._wait(collector))
            ]
            await collector.run(leave_seconds=LEAVE_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await delivery.drain(LEAVE_SECONDS)
            if server is not None:
                await server.cleanup()
        await self._leave()

    async def _wait(self, collector: Collector) -> None:
        await self._stop.wait()
        log.info("collector.leaves")
        collector.stop()

    async def _follow(self, collector: Collector) -> None:
        """Keep shards, runtimes and landscapes; while the database is away, those known are read on."""
        while True:
            try:
                await self._look(collector)
            except Error as error:
                log.warning("collector.database_lost", error=str(error).partition("\n")[0])
                self._looks, self._told = 0, False
                with suppress(Error):
                    await self._ask(_close)
            except Exception:  # followed no more, what is read would be ever older
                log.exception("collector.look_failed")
                self._looks, self._told = 0, False
            else:
                self._told = True
            await asyncio.sleep(LOOK_SECONDS if self._looks else 1.0)

    async def _look(self, collector: Collector) -> None:
        slot = datetime.fromtimestamp(collector.visits.slot_of(datetime.now(UTC).timestamp()), UTC)
        found = await self._ask(self._read, collector.work.doubtful.copy(), slot)
        collector.work.doubtful.clear()
        collector.work.places = found.places
        collector.remember(found.seen)
        if found.whole:
            collector.match(
                {key: each for key, each in found.targets.items() if each is not None}, found.read
            )
        else:
            collector.change(found.targets)
        self._looks += 1
        self.measures.runtimes.set(len(collector.visits))
        self.measures.shards.set(len(self._shards.held))
        self.measures.copies.set(self._shards.copies)

    def _read(self, doubtful: set[UUID], slot: datetime) -> _Found:
        """Ask the database, in its thread; who was read already matters only where shards came to us."""
        before = self._shards.held
        held = self._shards.refresh(lambda: self._told and self._store_all())
        whole = self._looks % READ_ALL_EVERY == 0
        changed: Collection[UUID]
        if whole:
            make_ahead()  # a new installation has no place for samples before its first tick
            self._worklist.read_all()
            changed = self._worklist.targets.keys()
        else:
            changed = self._worklist.follow(doubtful)
            if held != before:
                whole, changed = True, self._worklist.targets.keys()
        read = worklist.read_in(slot) if held - before else set()
        known = self._worklist.targets
        ours = {
            key: target if (target := known.get(key)) and target.readable and target.shard in held else None
            for key in changed
        }
        seen: Mapping[UUID, Held] = {}
        if came := [key for key, target in ours.items() if target and target.shard not in before]:
            seconds = settings.USAGE_SLOT_SECONDS
            seen = last_seen(came, slot, seconds=seconds, most=BACKFILL_SLOTS)
        return _Found(ours, whole, worklist.places(), read, seen)

    async def _ask(self, question: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, question, *arguments)

    async def _serve(self, collector: Collector) -> web.AppRunner | None:
        """Answer /metrics and /healthz where COLLECTOR_METRICS says so."""
        host, _, port = settings.COLLECTOR_METRICS.rpartition(":")
        if not port:
            return None

        async def metrics(_request: web.Request) -> web.Response:
            return web.Response(
                body=generate_latest(self.measures.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
            )

        async def healthz(_request: web.Request) -> web.Response:
            return web.Response(text="ok\n")

        application = web.Application()
        application.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, host or "127.0.0.1", int(port)).start()
        return runner

    async def _leave(self) -> None:
        """Give the shards to the others at once, then end the threads."""
        with suppress(Error):
            await self._ask(self._shards.leave)
        with suppress(Error):
            await self._ask(_close)
        with suppress(Error):
            await asyncio.get_running_loop().run_in_executor(self._storing, _close)
        for executor in (self._database, self._storing, self._minting):
            executor.shutdown(wait=False, cancel_futures=True)
        log.info("collector.left")
