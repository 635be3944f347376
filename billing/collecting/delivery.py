"""Hands samples to the usage store in batches, again and again until it has them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import suppress
from itertools import chain

import structlog
from django.db import DataError, Error, IntegrityError, ProgrammingError, connection

from billing.collecting.metrics import Measures
from billing.usage.ingest import ingest
from billing.usage.samples import Ingested, Origin, SampleIn

log = structlog.get_logger(__name__)

BATCH = 10_000  # as many as the store takes in at the best pace, where many wait
# Samples of neighbours lie in one block, which is written whole: handed over every second they would be written a hundred times.
GATHERINGS = 15  # a slot
LONGEST_PAUSE_SECONDS = 30.0
OUTSIDE_SECONDS = 5.0
# Ten slots of ten thousand runtimes; beyond it the oldest are lost, and what they would have said is unknown.
MOST_WAITING = 100_000

# After so many samples of a batch that are lost one by one it is no single sample's fault.
MOST_ODD = 20
NAMED = 100  # runtimes in one line of the log

Ingest = Callable[[Sequence[SampleIn], Origin], Ingested]


def into_store(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
    """Hand a batch over, in a thread of its own."""
    try:
        return ingest(batch=batch, origin=origin)
    except Error:
        connection.close()
        raise


def _takes_nothing_now(error: Exception) -> bool:
    """Say whether a database that is away, read only or at another version refuses, whatever is handed to it."""
    if not isinstance(error, Error) or isinstance(error, DataError | IntegrityError):
        return False
    # Without a code it was not the server that spoke, but its client, of what it was given.
    return not isinstance(error, ProgrammingError) or bool(getattr(error.__cause__, "sqlstate", None))


class Delivery:
    """A queue in memory: what waits here when the process is killed is lost, and its slots are read again or unknown."""

    def __init__(
        self, executor: Executor, measures: Measures, hand_over: Ingest = into_store, *, slot: float = 300.0
    ) -> None:
        self._executor = executor
        self._measures = measures
        self._hand_over = hand_over
        self._waiting: dict[Origin, deque[SampleIn]] = {origin: deque() for origin in Origin}
        self._gathers = slot / GATHERINGS
        self._flushing = asyncio.Lock()
        self._pauses = 0

    @property
    def waiting(self) -> int:
        """How many samples wait."""
        return sum(map(len, self._waiting.values()))

    def put(self, sample: SampleIn, origin: Origin) -> None:
        """Queue a sample."""
        queue = self._waiting[origin]
        queue.append(sample)
        if len(queue) > MOST_WAITING:
            queue.popleft()
            self._measures.lost.inc()

    async def run(self) -> None:
        """Deliver until cancelled; a database that is away is waited for."""
        while True:
            await asyncio.sleep(min(self._gathers * 2.0**self._pauses, LONGEST_PAUSE_SECONDS))
            await self.flush()

    async def flush(self) -> bool:
        """Deliver all that waits, with what somebody else is delivering; false where the database took only a part."""
        async with self._flushing:
            for origin, queue in self._waiting.items():
                while queue:
                    batch = [queue.popleft() for _ in range(min(len(queue), BATCH))]
                    if left := await self._deliver(batch, origin):
                        queue.extendleft(reversed(left))
                        return False
        return True

    def flush_from_outside(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Deliver all that waits, asked by another thread than the loop's; false where that did not end within some seconds."""
        try:
            return asyncio.run_coroutine_threadsafe(self.flush(), loop).result(OUTSIDE_SECONDS)
        except (TimeoutError, CancelledError):
            log.warning("collector.not_stored_yet", waiting=self.waiting)
            return False

    async def drain(self, seconds: float) -> None:
        """Deliver what waits before the process ends, within so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.waiting:
                    await self.flush()
                    await asyncio.sleep(0.1)

    async def _deliver(self, batch: list[SampleIn], origin: Origin) -> list[SampleIn]:
        """Hand a batch over, and of what can't be stored each half; return what was not taken as the database is away."""
        parts, odd = [batch], 0
        while parts:
            part = parts.pop()
            try:
                await self._hand(part, origin)
            except asyncio.CancelledError:
                # It may have been taken; to hand the same over again is harmless.
                self._waiting[origin].extendleft(reversed([*part, *chain.from_iterable(reversed(parts))]))
                raise
            except Exception as error:
                if _takes_nothing_now(error):
                    left = [*part, *chain.from_iterable(reversed(parts))]
                    self._pauses = min(self._pauses + 1, 6)
                    reason = str(error).partition("\n")[0]
                    log.warning("collector.database_lost", waiting=len(left), error=reason)
                    return left
                # It would come again with each attempt, and hold up all that is read meanwhile.
                if len(part) > 1 and odd < MOST_ODD:
                    middle = len(part) // 2
                    parts += part[middle:], part[:middle]
                    continue
                odd += len(part)
                self._lose(part, error)
        return []

    async def _hand(self, part: list[SampleIn], origin: Origin) -> None:
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(self._executor, self._hand_over, part, origin)
        self._pauses = 0
        self._measures.took(done, origin)
        for fault in (*done.refused, *done.quarantined)[:5]:
            log.warning(
                "collector.sample_not_taken",
                runtime=str(part[fault.row].runtime),
                code=fault.code,
                column=fault.column,
            )

    def _lose(self, part: list[SampleIn], error: Exception) -> None:
        """Count samples as lost and say whose."""
        whose = sorted({str(each.runtime) for each in part})
        log.error("collector.samples_lost", samples=len(part), runtimes=whose[:NAMED], exc_info=error)
        self._measures.lost.inc(len(part))
