"""Minting a kubeconfig keeps to the landscape's budget and circuit breaker, and keeps no connection meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal, Refused, Retry
from controlplane.tenants.models import AuditEvent
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.landscapes import breaker
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle import kubeconfig
from provisioner.runtimes.models import Runtime
from tests.signed_in import build
from tests.world import World


@dataclass
class Driver:
    """Hands out a made-up kubeconfig after whatever is to happen first."""

    first: Callable[[], object] = lambda: None
    asked: int = 0
    connected: list[bool] = field(default_factory=list)

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        self.asked += 1
        self.connected.append(connection.connection is not None)
        self.first()
        return Kubeconfig("apiVersion: v1\n", utcnow() + ttl)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(kubeconfig, "connect", lambda **_: made)
    return made


@pytest.fixture
def runtime(world: World) -> Runtime:
    return build(world)


def mint(world: World, runtime: Runtime) -> Kubeconfig:
    return kubeconfig.mint_kubeconfig(actor=world.alice.actor, runtime_id=runtime.pk, ttl=timedelta(hours=1))


def refusal(world: World, runtime: Runtime) -> Refused:
    with pytest.raises(Refused) as refused:
        mint(world, runtime)
    assert not AuditEvent.objects.filter(action="runtime.kubeconfig").exists()
    return refused.value


def raising(fault: Exception) -> Callable[[], object]:
    def first() -> None:
        raise fault

    return first


@pytest.mark.django_db
def test_minting_takes_one_call_from_the_budget(world: World, runtime: Runtime, driver: Driver) -> None:
    Landscape.objects.update(tokens=5, burst=5, calls_per_second=0.0001)
    mint(world, runtime)
    assert Landscape.objects.get().tokens == pytest.approx(4, abs=0.1)
    assert AuditEvent.objects.filter(action="runtime.kubeconfig").count() == 1


@pytest.mark.django_db
def test_an_empty_budget_is_told_with_when_to_come_again(
    world: World, runtime: Runtime, driver: Driver
) -> None:
    Landscape.objects.update(tokens=0, calls_per_second=0.1, tokens_at=utcnow())
    refused = refusal(world, runtime)
    assert (refused.code, refused.status, driver.asked) == ("landscape_busy", 429, 0)
    assert 8 <= (refused.retry_after_seconds or 0) <= 10
    assert f"try again in {refused.retry_after_seconds} s" in refused.detail


@pytest.mark.django_db(transaction=True)  # in one transaction PostgreSQL's clock would stand still
def test_a_place_in_the_budget_that_comes_free_soon_is_waited_for(
    world: World, runtime: Runtime, driver: Driver
) -> None:
    Landscape.objects.update(tokens=0, calls_per_second=5, tokens_at=utcnow())
    assert mint(world, runtime).yaml
    assert driver.asked == 1


@pytest.mark.django_db
def test_a_landscape_that_does_not_answer_is_not_asked(
    world: World, runtime: Runtime, driver: Driver
) -> None:
    for _ in range(breaker.THRESHOLD):
        breaker.record_fault(runtime.landscape_id, "no answer")
    refused = refusal(world, runtime)
    assert (refused.code, refused.status, driver.asked) == ("landscape_not_answering", 503, 0)
    assert 1 <= (refused.retry_after_seconds or 0) <= 20


@pytest.mark.django_db
def test_silences_while_minting_open_the_breaker(world: World, runtime: Runtime, driver: Driver) -> None:
    driver.first = raising(Retry("No answer.", landscape_fault=True))
    codes = [refusal(world, runtime).code for _ in range(breaker.THRESHOLD + 1)]
    assert codes == ["landscape_unavailable"] * breaker.THRESHOLD + ["landscape_not_answering"]
    assert driver.asked == breaker.THRESHOLD


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [None, Fatal("No such cluster."), Retry("Not yet.")])
def test_an_answer_while_minting_makes_the_faults_forgotten(
    world: World, runtime: Runtime, driver: Driver, fault: Exception | None
) -> None:
    breaker.record_fault(runtime.landscape_id, "no answer")
    if fault is None:
        mint(world, runtime)
    else:
        driver.first = raising(fault)
        assert refusal(world, runtime).code == "landscape_unavailable"
    assert Landscape.objects.get().breaker_faults == 0


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_the_landscape_is_asked(
    world: World, runtime: Runtime, driver: Driver
) -> None:
    mint(world, runtime)
    assert driver.connected == [False]
    assert AuditEvent.objects.filter(action="runtime.kubeconfig").count() == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_mints_inside_a_transaction(world: World, runtime: Runtime, driver: Driver) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        mint(world, runtime)
    assert driver.asked == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fault", "code", "status", "again"),
    [
        (Fatal("It has none.", code="cluster_absent"), "cluster_missing", 409, None),
        (Fatal("The landscape refuses."), "landscape_unavailable", 503, None),
        (Retry("Not yet."), "landscape_unavailable", 503, 60),
    ],
)
def test_only_what_may_pass_is_worth_another_try(
    world: World,
    runtime: Runtime,
    driver: Driver,
    fault: Exception,
    code: str,
    status: int,
    again: int | None,
) -> None:
    driver.first = raising(fault)
    refused = refusal(world, runtime)
    assert (refused.code, refused.status, refused.retry_after_seconds) == (code, status, again)


@pytest.mark.django_db
def test_who_asked_is_kept_even_when_nothing_came_back(
    world: World, runtime: Runtime, driver: Driver
) -> None:
    driver.first = raising(Retry("Not yet."))
    refusal(world, runtime)
    row = AuditEvent.objects.get(action="runtime.kubeconfig.ask")
    assert row.target_id == str(runtime.id)
    assert row.changes["ttl_seconds"] >= 600


@pytest.mark.django_db
def test_a_cluster_that_was_never_built_is_offered_to_nobody(world: World, runtime: Runtime) -> None:
    assert kubeconfig.reachable(runtime)
    runtime.phase, runtime.status, runtime.first_ready_at = "failed", {}, None
    assert not kubeconfig.reachable(runtime)
