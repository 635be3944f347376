"""The collector's ways into clusters: minted within the landscape's budget and breaker, kept until shortly before their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from billing.collecting import credentials
from billing.collecting.credentials import Access, Credentials
from billing.collecting.failures import ReadError
from billing.collecting.targets import Place, Target
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.landscapes import budget
from provisioner.landscapes.models import Landscape
from tests.world import landscape

pytestmark = pytest.mark.django_db(transaction=True)
NOW = 1_780_000_000.0
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it}}]
clusters: [{name: it, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: it, user: {token: "secret"}}]
"""


@dataclass
class Driver:
    """Mints what is always the same."""

    first: Callable[[], object] = lambda: None
    asked: list[tuple[str, str, Role, timedelta]] = field(default_factory=list)
    connected: list[bool] = field(default_factory=list)
    now: float = NOW

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        self.asked.append((cluster.name, cluster.owner, role, ttl))
        self.connected.append(connection.connection is not None)
        self.first()
        return Kubeconfig(KUBECONFIG, datetime.fromtimestamp(self.now, UTC) + ttl)


class Bench:
    """Credentials with a clock of the test's, over one landscape."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.kept = Credentials(ThreadPoolExecutor(2), ttl=timedelta(hours=1), clock=lambda: self.driver.now)
        self.row = landscape("bench", calls_per_second=1000.0, burst=100.0, tokens=100.0)

    def ask(self, number: int = 1) -> Access:
        row = Landscape.objects.get(pk=self.row.pk)
        target = Target(UUID(int=number), row.id, "c1", "ready", answers=True, asleep=False)
        return asyncio.run(self.kept.of(target, Place.of(row, timeout_seconds=1.0)))

    def refusal(self) -> ReadError:
        with pytest.raises(ReadError) as caught:
            self.ask()
        return caught.value


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(credentials, "connect", lambda **_: made)
    return made


@pytest.fixture
def bench(driver: Driver) -> Bench:
    return Bench(driver)


def raising(fault: Exception) -> Callable[[], object]:
    def first() -> None:
        raise fault

    return first


def test_one_viewer_is_minted_for_the_runtimes_own_cluster_and_kept(bench: Bench, driver: Driver) -> None:
    assert bench.ask() is bench.ask()
    assert driver.asked == [("c1", str(UUID(int=1)), Role.VIEW, timedelta(hours=1))]
    assert Landscape.objects.get().tokens == pytest.approx(99, abs=1)


def test_no_connection_is_held_while_the_landscape_answers(bench: Bench, driver: Driver) -> None:
    bench.ask()
    assert driver.connected == [False]


def test_it_is_minted_again_shortly_before_its_end_each_at_a_time_of_its_own(
    bench: Bench, driver: Driver
) -> None:
    first, second = bench.ask(1), bench.ask(2)
    assert first.until != second.until
    for each in (first, second):
        assert NOW + 0.75 * 3600 <= each.until <= NOW + 0.9 * 3600
    driver.now = first.until + 1
    assert bench.ask(1) is not first
    assert len(driver.asked) == 3


def test_what_a_cluster_does_not_take_any_more_is_dropped(bench: Bench, driver: Driver) -> None:
    first = bench.ask()
    bench.kept.forget(UUID(int=1))
    assert bench.ask() is not first


def test_an_empty_budget_is_respected_and_says_when_to_come_again(bench: Bench, driver: Driver) -> None:
    Landscape.objects.update(tokens=0, calls_per_second=0.1, tokens_at=utcnow())
    refused = bench.refusal()
    assert refused.reason == "over_budget"
    assert 500 < refused.after <= 510
    assert driver.asked == []


def test_we_leave_half_of_the_burst_to_people_and_take_what_they_do_not_want(
    bench: Bench, driver: Driver
) -> None:
    Landscape.objects.update(tokens=50.5, calls_per_second=0.1, tokens_at=utcnow())
    refused = bench.refusal()
    assert (refused.reason, len(driver.asked)) == ("over_budget", 0)
    assert 3 < refused.after <= 5
    assert isinstance(budget.take(bench.row.pk), budget.Allowed), "people still get theirs"
    Landscape.objects.update(tokens=52, tokens_at=utcnow())
    bench.kept._buckets.clear()
    bench.ask()
    assert len(driver.asked) == 1


def test_we_take_nine_tenths_of_the_budget_at_most(bench: Bench, driver: Driver) -> None:
    Landscape.objects.update(tokens=100, calls_per_second=4.0, tokens_at=utcnow())
    place = Place.of(Landscape.objects.get(), timeout_seconds=1.0)

    async def all_at_once() -> list[Access | BaseException]:
        targets = [
            Target(UUID(int=number), place.id, "c1", "ready", answers=True, asleep=False)
            for number in range(12)
        ]
        return await asyncio.gather(*(bench.kept.of(each, place) for each in targets), return_exceptions=True)

    found = asyncio.run(all_at_once())
    refused = [each for each in found if isinstance(each, ReadError)]
    assert {each.reason for each in refused} == {"over_budget"}
    assert len(driver.asked) == len(found) - len(refused) <= 8


def test_a_landscape_that_does_not_answer_opens_its_breaker_and_is_left_alone(
    bench: Bench, driver: Driver
) -> None:
    driver.first = raising(Retry("no answer", landscape_fault=True))
    for _ in range(5):
        assert bench.refusal().reason == "no_credentials"
    assert Landscape.objects.get().breaker == "open"
    refused = bench.refusal()
    assert (refused.reason, len(driver.asked)) == ("not_answering", 5)
    assert refused.after > 5


def test_a_refusal_is_told_and_nothing_is_kept(bench: Bench, driver: Driver) -> None:
    driver.first = raising(Fatal("no such cluster", code="cluster_absent"))
    assert bench.refusal().reason == "no_credentials"
    driver.first = lambda: None
    assert bench.ask().token == "secret"


def test_no_secret_is_shown_by_what_is_printed(bench: Bench) -> None:
    assert "secret" not in repr(bench.ask())
