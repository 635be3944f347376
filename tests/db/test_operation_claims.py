"""Many workers, one claim each; a late worker's write is discarded; tenants share fairly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F

from controlplane.tenants.access import SYSTEM
from controlplane.tenants.services import create_account, create_tenant
from provisioner.operations import ledger, services, sweeping
from provisioner.operations.engine import Change
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.moves import State
from provisioner.steps.base import Wait
from tests import work
from tests.work import again
from tests.world import World

THREADS = 8


def in_threads(act: Callable[[], Any], count: int = THREADS) -> list[Any]:
    """Run `act` in threads that begin together, each with a connection of its own."""
    results: list[Any] = []
    together = threading.Barrier(count)

    def run() -> None:
        try:
            together.wait(10)
            results.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == count
    return results


@pytest.mark.django_db(transaction=True)
def test_eight_workers_claim_an_operation_once(world: World) -> None:
    with work.flows():
        operation = work.start(work.runtime(world.shop, world.landscape))
        claims = [held for held in in_threads(ledger.claim) if held is not None]
    assert [held.id for held in claims] == [operation.pk]
    assert again(operation).fence == claims[0].fence


@pytest.mark.django_db(transaction=True)
def test_eight_workers_run_every_step_of_many_operations_once(world: World) -> None:
    with work.flows():
        for _ in range(40):
            work.start(work.runtime(world.shop, world.landscape))
        in_threads(lambda: work.worker().work(30))
    ran = Counter(OperationAttempt.objects.values_list("operation_id", "step"))
    assert len(ran) == 120
    assert set(ran.values()) == {1}
    assert set(Operation.objects.values_list("state", flat=True)) == {"succeeded"}


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_no_more_than_one(world: World) -> None:
    with work.flows(provision=work.flow(work.step("first", lambda _: Wait("x")))):
        for _ in range(20):
            work.start(work.runtime(world.shop, world.landscape))
        work.work()
        Operation.objects.update(due_at=F("created_at"))
        swept = in_threads(sweeping.sweep, 2)
    assert sum(one.ended_waits for one in swept) == 20


@pytest.mark.django_db
@pytest.mark.parametrize("change", [
    Change(State.RUNNING, "done", "second", step_done=True, attempts=1),
    Change(State.WAITING, "wait", "first", reason="x", wakeable=True),
    Change(State.SUCCEEDED, "done", "first", step_done=True),
    Change(State.FAILED, "fatal", "first"),
])  # fmt: skip
def test_a_late_workers_write_is_discarded(change: Change, world: World) -> None:
    with work.flows():
        operation = work.start(work.runtime(world.shop, world.landscape))
        late = ledger.claim()
        work.lease_ends(operation)
        newer = ledger.claim()
        assert late is not None
        assert newer is not None
        assert newer.fence > late.fence
        before = Operation.objects.filter(pk=operation.pk).values().get()
        written = ledger.close(late, change) if change.closes else ledger.checkpoint(late, change)
    assert written is None
    assert Operation.objects.filter(pk=operation.pk).values().get() == before
    assert not OperationAttempt.objects.exists()


def order_of_claims(count: int) -> list[UUID]:
    claims = [ledger.claim() for _ in range(count)]
    return [held.tenant_id for held in claims if held is not None]


@pytest.mark.django_db
def test_five_hundred_requests_of_one_tenant_do_not_delay_anothers_first(world: World) -> None:
    with work.flows():
        for _ in range(500):
            work.start(work.runtime(world.shop, world.landscape))
        for _ in range(3):
            work.start(work.runtime(world.main, world.landscape))
        first = order_of_claims(12)
    # In one transaction all are due at one moment: which of two alike comes first is the index's choice.
    assert [place // 2 for place, tenant in enumerate(first) if tenant == world.basalt.id] == [0, 1, 2]


@pytest.mark.django_db
def test_a_tenant_that_was_served_before_is_not_punished_for_it(world: World) -> None:
    with work.flows(provision=work.flow(work.step("first", lambda _: Wait("x")))):
        for _ in range(50):
            work.start(work.runtime(world.shop, world.landscape))
        work.work()  # all of them wait for the landscape now
        for _ in range(50):
            work.start(work.runtime(world.main, world.landscape))
        work.start(work.runtime(world.shop, world.landscape))
        first = order_of_claims(4)
    assert world.archipel.id in first


@pytest.mark.django_db
def test_five_hundred_that_wake_together_do_not_delay_another_tenant(world: World) -> None:
    with work.flows(provision=work.flow(work.step("first", lambda _: Wait("x")))):
        runtimes = [work.runtime(world.shop, world.landscape) for _ in range(200)]
        for runtime in runtimes:
            work.start(runtime)
        work.work(60)
        assert services.wake(runtime_ids=[runtime.pk for runtime in runtimes]) == 200
        work.start(work.runtime(world.main, world.landscape))
        first = order_of_claims(4)
    assert world.basalt.id in first


@pytest.mark.django_db
def test_tenants_take_turns(world: World) -> None:
    with work.flows():
        accounts = [world.shop, world.main]
        for slug in ("third", "fourth"):
            tenant = create_tenant(actor=SYSTEM, slug=slug, name=slug)
            accounts.append(create_account(actor=SYSTEM, tenant=tenant, slug="main", name="Main"))
        for account in accounts:
            for _ in range(10):
                work.start(work.runtime(account, world.landscape))
        first = order_of_claims(20)
    assert set(Counter(first).values()) == {5}
