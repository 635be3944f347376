"""Samples reach the store though the database goes away, and memory does not grow without end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import DataError, InternalError, OperationalError, ProgrammingError
from psycopg.errors import InsufficientPrivilege
from structlog.testing import capture_logs

from billing.collecting import delivery
from billing.collecting.delivery import Delivery
from billing.collecting.metrics import Measures
from billing.usage.samples import Gauges, Ingested, Origin, RowFault, SampleIn

AT = datetime(2026, 6, 3, 12, tzinfo=UTC)


def sample(number: int) -> SampleIn:
    return SampleIn(UUID(int=number), 1, AT, {}, {}, Gauges(), AT)


class Store:
    """Takes what it is handed, after failing as often as it is told."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.taken: list[tuple[int, Origin]] = []
        self.batches: list[int] = []

    def __call__(self, batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        if self.fails:
            self.fails -= 1
            raise OperationalError("the database is away")
        self.taken += [(each.runtime.int, origin) for each in batch]
        self.batches.append(len(batch))
        return Ingested(len(batch), 0, refused=(RowFault(0, "slot", "odd", "It is odd."),))


def made(store: Store) -> tuple[Delivery, Measures]:
    measures = Measures()
    return Delivery(ThreadPoolExecutor(1), measures, store), measures


def test_what_the_database_did_not_take_is_handed_over_again_in_its_order() -> None:
    store = Store(fails=2)
    queue, measures = made(store)
    for number in range(5):
        queue.put(sample(number), Origin.COLLECTOR)
    queue.put(sample(9), Origin.BACKFILL)

    async def flush() -> None:
        for _ in range(3):
            await queue.flush()

    asyncio.run(flush())
    assert [number for number, origin in store.taken if origin is Origin.COLLECTOR] == [0, 1, 2, 3, 4]
    assert (9, Origin.BACKFILL) in store.taken
    assert queue.waiting == 0
    assert measures.stored.labels("accepted")._value.get() == 6
    assert measures.backfilled._value.get() == 1


def test_batches_are_no_larger_than_the_store_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BATCH", 3)
    store = Store()
    queue, _ = made(store)
    for number in range(7):
        queue.put(sample(number), Origin.COLLECTOR)
    asyncio.run(queue.flush())
    assert store.batches == [3, 3, 1]


def test_what_the_store_stumbles_over_is_counted_as_lost_and_holds_up_nothing() -> None:
    store = Store()

    def stumble(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        if origin is Origin.COLLECTOR:
            raise TypeError("nobody thought of that")
        return store(batch, origin)

    measures = Measures()
    queue = Delivery(ThreadPoolExecutor(1), measures, stumble)
    for number in range(3):
        queue.put(sample(number), Origin.COLLECTOR)
    queue.put(sample(9), Origin.BACKFILL)
    assert asyncio.run(queue.flush())
    assert (queue.waiting, measures.lost._value.get()) == (0, 3)
    assert store.taken == [(9, Origin.BACKFILL)]


def test_one_sample_that_the_database_refuses_takes_no_other_with_it() -> None:
    store, away = Store(), [4]

    def refuse(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        away[0] -= 1
        if not away[0]:  # in the middle of the halves
            raise OperationalError("the database is away")
        if any(each.runtime.int == 5 for each in batch):
            raise DataError("value out of range")
        return store(batch, origin)

    measures = Measures()
    queue = Delivery(ThreadPoolExecutor(1), measures, refuse)
    for number in range(8):
        queue.put(sample(number), Origin.COLLECTOR)
    with capture_logs() as told:
        assert not asyncio.run(queue.flush())
        assert asyncio.run(queue.flush())
    assert sorted(number for number, _ in store.taken) == [0, 1, 2, 3, 4, 6, 7]
    assert measures.lost._value.get() == 1
    assert [each["runtimes"] for each in told if each["event"] == "collector.samples_lost"] == [
        [str(UUID(int=5))]
    ]


def _of_the_server() -> ProgrammingError:
    error = ProgrammingError("permission denied")
    error.__cause__ = InsufficientPrivilege("permission denied")
    return error


@pytest.mark.parametrize("error", [InternalError("read-only transaction"), _of_the_server()])
def test_a_database_that_takes_nothing_now_is_waited_for(error: Exception) -> None:
    def refuse(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        raise error

    measures = Measures()
    queue = Delivery(ThreadPoolExecutor(1), measures, refuse)
    for number in range(50):
        queue.put(sample(number), Origin.COLLECTOR)
    assert not asyncio.run(queue.flush())
    assert (queue.waiting, measures.lost._value.get()) == (50, 0)


def test_what_the_client_can_not_hand_over_is_lost_alone() -> None:
    store = Store()

    def refuse(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        if any(each.runtime.int == 3 for each in batch):
            raise ProgrammingError("cannot adapt type")
        return store(batch, origin)

    measures = Measures()
    queue = Delivery(ThreadPoolExecutor(1), measures, refuse)
    for number in range(8):
        queue.put(sample(number), Origin.COLLECTOR)
    assert asyncio.run(queue.flush())
    assert (len(store.taken), measures.lost._value.get()) == (7, 1)


def test_a_store_that_takes_nothing_is_not_asked_for_each_sample() -> None:
    asked: list[int] = []

    def refuse(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        asked.append(len(batch))
        raise DataError("value out of range")

    measures = Measures()
    queue = Delivery(ThreadPoolExecutor(1), measures, refuse)
    for number in range(2000):
        queue.put(sample(number), Origin.COLLECTOR)
    assert asyncio.run(queue.flush())
    assert (queue.waiting, measures.lost._value.get()) == (0, 2000)
    assert len(asked) < 100


def test_who_asks_from_another_thread_learns_that_not_all_is_stored() -> None:
    queue, _ = made(Store(fails=1))
    queue.put(sample(1), Origin.COLLECTOR)

    async def ask() -> list[bool]:
        loop = asyncio.get_running_loop()
        return [await asyncio.to_thread(queue.flush_from_outside, loop) for _ in range(2)]

    assert asyncio.run(ask()) == [False, True]


def test_the_oldest_are_lost_and_counted_when_the_database_is_away_for_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "MOST_WAITING", 4)
    store = Store(fails=1)
    queue, measures = made(store)
    for number in range(6):
        queue.put(sample(number), Origin.COLLECTOR)
    asyncio.run(queue.drain(2))
    assert [number for number, _ in store.taken] == [2, 3, 4, 5]
    assert measures.lost._value.get() == 2


def test_a_delivery_that_is_broken_off_is_made_again() -> None:
    begun, leave = threading.Event(), threading.Event()
    store = Store()

    def slowly(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        begun.set()
        leave.wait(5)
        return store(batch, origin)

    queue = Delivery(ThreadPoolExecutor(1), Measures(), slowly)
    queue.put(sample(1), Origin.COLLECTOR)

    async def scenario() -> None:
        running = asyncio.create_task(queue.flush())
        await asyncio.to_thread(begun.wait, 5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert queue.waiting == 1
        leave.set()
        await queue.drain(5)

    asyncio.run(scenario())
    assert store.taken == [(1, Origin.COLLECTOR), (1, Origin.COLLECTOR)]


def test_another_thread_can_have_all_stored_and_waits_for_what_is_under_way() -> None:
    begun, leave = threading.Event(), threading.Event()
    store = Store()

    def slowly(batch: Sequence[SampleIn], origin: Origin) -> Ingested:
        begun.set()
        leave.wait(5)
        return store(batch, origin)

    queue = Delivery(ThreadPoolExecutor(1), Measures(), slowly)
    queue.put(sample(1), Origin.COLLECTOR)

    async def scenario() -> None:
        running = asyncio.create_task(queue.flush())
        await asyncio.to_thread(begun.wait, 5)
        queue.put(sample(2), Origin.AGENT)
        outside = asyncio.create_task(asyncio.to_thread(queue.flush_from_outside, asyncio.get_running_loop()))
        await asyncio.sleep(0.01)
        assert not outside.done()
        leave.set()
        assert (await asyncio.gather(running, outside))[1]

    asyncio.run(scenario())
    assert store.taken == [(1, Origin.COLLECTOR), (2, Origin.AGENT)]
