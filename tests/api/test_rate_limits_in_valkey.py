"""Counting in Valkey: one round trip, exact among many at once, gone when it is over, and no obstacle when it is away."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pytest_django import Settings
from structlog.testing import capture_logs

from controlplane.config.limits import counting
from controlplane.config.limits.buckets import MICRO, Limit, State, Verdict, take
from controlplane.config.limits.counting import TAKE, Alone, Shared, Tolerant
from controlplane.embedded.service import launch
from controlplane.embedded.valkey import Valkey
from tests.world import World

SLOW = Limit(5, 600)


class Running:
    """A Valkey of the test's own, which can be killed, frozen and started again."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(folder, folder / "v.sock")
        self.url = self.valkey.cache_url
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = launch(self.valkey.service(), output=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self.valkey.answers():
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self) -> None:
        """End it as a power cut would."""
        self.send(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)

    @property
    def client(self) -> redis.Redis:
        """What looks into it."""
        return redis.Redis.from_url(self.url)


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("v")
    running = Running(folder)
    yield running
    running.end()


def test_many_at_once_are_let_through_exactly_as_often_as_allowed(valkey: Running) -> None:
    store, limit = Shared(valkey.url), Limit(40, 86_400)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: store.take(["limit:a"], [limit]).refused_by, range(200)))
    assert found.count(None) == 40


def test_a_refused_request_takes_from_no_bucket(valkey: Running) -> None:
    store, full, other = Shared(valkey.url), Limit(1, 600), Limit(100, 600)
    assert store.take(["limit:a", "limit:b"], [other, full]).states[0].remaining == 99
    refused = store.take(["limit:a", "limit:b"], [other, full])
    assert (refused.refused_by, refused.states[0].remaining) == (1, 99)
    assert 590 * MICRO < refused.wait <= 600 * MICRO


def test_a_count_is_one_command_and_leaves_keys_that_end(valkey: Running) -> None:
    store = Shared(valkey.url)
    store.take(["limit:a"], [SLOW])  # brings the script
    before = calls(valkey)
    store.take(["limit:a", "limit:b", "limit:c"], [SLOW] * 3)
    assert calls(valkey) - before == 1
    found = {key: int(valkey.client.pttl(key)) for key in (b"limit:a", b"limit:b", b"limit:c")}
    assert 230_000 < found[b"limit:a"] <= 240_000
    assert 110_000 < found[b"limit:b"] <= 120_000


def test_a_valkey_that_forgot_the_script_is_told_it_again(valkey: Running) -> None:
    store = Shared(valkey.url)
    store.take(["limit:a"], [SLOW])
    valkey.client.script_flush()
    assert store.take(["limit:a"], [SLOW]).states[0].remaining == 3


@given(
    quotas=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 60)), min_size=1, max_size=3),
    steps=st.lists(st.integers(0, 8 * MICRO), min_size=1, max_size=25),
)
@bounded(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_valkey_and_python_count_alike(
    valkey: Running, quotas: list[tuple[int, int]], steps: list[int]
) -> None:
    """The script is given the time instead of looking at the clock."""
    dated = TAKE.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
    dated = dated.replace("'PX', ", "'PX', 60000 + ")
    assert dated != TAKE
    client = valkey.client
    client.flushall()
    limits = [Limit(*quota) for quota in quotas]
    keys = [f"limit:{place}" for place in range(len(limits))]
    arguments = [number for limit in limits for number in (limit.interval, limit.window)]
    moments, now = [0] * len(limits), 1_700_000_000 * MICRO
    for step in steps:
        now += step
        verdict, moments = take(limits, moments, now)  # type: ignore[assignment]
        by, wait, *rest = client.eval(dated, len(keys), *keys, *arguments, now // MICRO, now % MICRO)
        states = [State(rest[place], rest[place + 1]) for place in range(0, len(rest), 2)]
        assert Verdict(states, by - 1 if by else None, wait) == verdict


def test_one_process_counts_for_itself_when_the_cache_is_in_it() -> None:
    store = Alone()
    assert [store.take(["a"], [SLOW]).refused_by for _ in range(6)] == [None] * 5 + [0]
    assert store.take(["b"], [SLOW]).refused_by is None


def test_one_process_forgets_buckets_that_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_BUCKETS", 10)
    store = Alone()
    for number in range(12):
        store.take([f"quick{number}"], [Limit(1_000_000, 1)])
    time.sleep(0.001)
    store.take(["slow"], [SLOW])
    assert len(store._moments) <= 2


def test_a_dead_valkey_keeps_nobody_out_costs_nothing_and_is_told_once_a_minute(
    valkey: Running,
) -> None:
    store = Tolerant(Shared(valkey.url))
    assert store.take(["a"], [SLOW]) is not None
    valkey.end()
    uncounted, began = away(), time.monotonic()
    with capture_logs() as lines:
        assert [store.take(["a"], [SLOW]) for _ in range(1000)] == [None] * 1000
        store._rests_until = 0.001  # five seconds later
        assert store.take(["a"], [SLOW]) is None
    assert time.monotonic() - began < 0.5
    assert away() - uncounted == 1001
    assert next(iter(counting.AWAY.collect())).samples[0].value == 1.0
    assert [(line["event"], line["log_level"]) for line in lines] == [("rate_limits_away", "error")]
    store._silent_until = store._rests_until = 0.0  # a minute later
    with capture_logs() as lines:
        store.take(["a"], [SLOW])
    assert len(lines) == 1
    valkey.start()
    assert store.take(["a"], [SLOW]) is None, "it rests"
    store._rests_until = 0.001
    assert store.take(["a"], [SLOW]) is not None
    assert store.take(["a"], [SLOW]) is not None


def test_a_frozen_valkey_holds_up_one_request_and_not_for_long(valkey: Running) -> None:
    store = Tolerant(Shared(valkey.url))
    store.take(["a"], [SLOW])
    valkey.send(signal.SIGSTOP)
    began = time.monotonic()
    assert [store.take(["a"], [SLOW]) for _ in range(100)] == [None] * 100
    assert time.monotonic() - began < 5 * counting.TIMEOUT_SECONDS
    store._rests_until = 0.001
    waited = []

    def one() -> None:
        began = time.monotonic()
        store.take(["a"], [SLOW])
        waited.append(time.monotonic() - began)

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([seconds for seconds in waited if seconds > counting.TIMEOUT_SECONDS / 2]) == 1
    valkey.send(signal.SIGCONT)


@pytest.mark.django_db
def test_processes_share_their_counts_and_requests_pass_while_it_is_away(
    valkey: Running, world: World, settings: Settings
) -> None:
    settings.CACHE_URL = valkey.url
    settings.RATE_LIMITS = {"token": "3/600"}
    one, other = (Client(headers=world.alice.headers) for _ in range(2))  # each with a middleware of its own
    answers = [client.get("/api/v1/me") for client in (one, other, one, other)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[2]["RateLimit"].startswith('"token";r=0;')
    valkey.end()
    answers = [client.get("/api/v1/me") for client in (one, other, one, other)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not answers[0].has_header("RateLimit")


@pytest.mark.django_db
def test_nobody_who_reads_valkey_learns_a_token_or_an_address(
    valkey: Running, world: World, settings: Settings
) -> None:
    settings.CACHE_URL = valkey.url
    settings.RATE_LIMITS = {"token": "3/600", "address": "5/600", "tenant": "5/600"}
    client = Client(headers=world.alice.headers, REMOTE_ADDR="192.0.2.77")
    for _ in range(2):
        client.get("/api/v1/me")
    keys = [str(key) for key in valkey.client.keys("*")]
    assert len(keys) == 3
    for secret in (world.alice.token, "192.0.2.77", str(world.archipel.id), "archipel"):
        assert not [key for key in keys if secret in key]


def calls(valkey: Running) -> int:
    """How many commands came from outside."""
    stats = valkey.client.info("commandstats")
    return int(sum(stats[name]["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats))


def away() -> float:
    return REGISTRY.get_sample_value("nesoi_requests_not_limited_total") or 0.0
