"""Permits of a moment go together: one that is alone goes at once, a burst costs a few messages, a stream fewer still."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from uuid import UUID, uuid4

import pytest

from provisioner.operations import announcer
from provisioner.operations.announcer import (
    GATHER_IN_STREAM_SECONDS,
    GATHER_SECONDS,
    MOST_PERMITS,
    STREAM_SECONDS,
    WISHES_PER_PERMIT,
    Announcer,
)

PATIENCE_SECONDS = 10.0


class Stage:
    """An announcer between a clock that only a test moves, and a broker that takes its permits or does not."""

    def __init__(self, *, takes: bool = True) -> None:
        self.now = 100.0
        self.looks = 0  # at the clock: one before gathering, one behind each permit that was taken
        self.takes = takes
        self.slept: Queue[float] = Queue()
        self.woken: Queue[None] = Queue()
        self.asked: Queue[UUID] = Queue()
        self.announcer = Announcer(self.send)

    def monotonic(self) -> float:
        self.looks += 1
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.put(seconds)
        with suppress(Empty):  # the test is over
            self.woken.get(timeout=PATIENCE_SECONDS)

    def send(self, operation_id: UUID) -> bool:
        self.asked.put(operation_id)
        return self.takes

    def burst(self, count: int = 1) -> float:
        """Announce so many in one moment; return how long was waited for more of them, once the broker was asked."""
        self.announcer.announce(uuid4())
        seconds = self.slept.get(timeout=PATIENCE_SECONDS)
        for _ in range(count - 1):
            self.announcer.announce(uuid4())
        self.woken.put(None)
        self.asked.get(timeout=PATIENCE_SECONDS)
        return seconds

    def permits_of(self, count: int) -> int:
        """Return how often the broker was asked for a burst: it is over when the next one begins."""
        self.burst(count)
        self.announcer.announce(uuid4())
        self.slept.get(timeout=PATIENCE_SECONDS)
        return 1 + self.asked.qsize()


def stage(monkeypatch: pytest.MonkeyPatch, *, takes: bool = True) -> Stage:
    found = Stage(takes=takes)
    monkeypatch.setattr(announcer, "time", found)
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("wishes", "permits"),
    [(1, 1), (WISHES_PER_PERMIT, 1), (WISHES_PER_PERMIT + 1, 2), (1000, MOST_PERMITS)],
)
def test_a_burst_costs_a_few_messages(monkeypatch: pytest.MonkeyPatch, wishes: int, permits: int) -> None:
    assert stage(monkeypatch).permits_of(wishes) == permits


def test_a_broker_that_takes_none_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stage(monkeypatch, takes=False).permits_of(1000) == 1


def test_in_a_stream_is_gathered_for_longer_and_not_any_more_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on = stage(monkeypatch)
    assert [on.burst(), on.burst(), on.burst()] == [GATHER_SECONDS, *[GATHER_IN_STREAM_SECONDS] * 2]
    until(lambda: on.looks == 6)
    on.now += STREAM_SECONDS
    assert on.burst() == GATHER_SECONDS


def test_what_was_not_taken_begins_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    on = stage(monkeypatch, takes=False)
    assert [on.burst(), on.burst()] == [GATHER_SECONDS, GATHER_SECONDS]
