"""In the background, too, a tenant with much to do stands behind itself and not in front of everybody else."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest

from controlplane.tenants.models import Account
from provisioner.operations import ledger, sweeping
from provisioner.operations.models import Operation
from provisioner.steps.base import Wait
from tests import work
from tests.work import again
from tests.world import World

MANY = 30
BUILD = work.flow(work.step("build"), work.step("furnish"), settles="build")


@pytest.fixture(autouse=True)
def _flows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ledger, "RUSH_WISHES", 1000)  # however many come here, it is no rush
    with work.flows(provision=BUILD):
        yield


def settled(world: World, account: Account) -> Operation:
    """One that people can use already; it came, and was built, while nobody else asked for anything."""
    operation = work.start(work.runtime(account, world.landscape))
    held = ledger.claim()
    assert held is not None
    assert held.id == operation.pk
    work.worker().run(held)
    assert again(operation).background
    return operation


def tenants_served(count: int) -> list[UUID]:
    claims = [ledger.claim() for _ in range(count)]
    return [held.tenant_id for held in claims if held is not None]


def test_what_many_of_one_tenant_left_behind_does_not_delay_anothers_first(world: World) -> None:
    for _ in range(MANY):
        settled(world, world.shop)
    settled(world, world.main)
    assert world.basalt.pk in tenants_served(2)


def test_many_that_wake_together_in_the_background_do_not_delay_anothers_first(world: World) -> None:
    waits = work.flow(work.step("build"), work.step("furnish", lambda _: Wait("x")), settles="build")
    with work.flows(provision=waits):
        for _ in range(MANY):
            settled(world, world.shop)
        work.work()
        assert set(Operation.objects.values_list("state", flat=True)) == {"waiting"}
        for operation in Operation.objects.all():
            work.wait_ends(operation)
        assert sweeping.sweep().ended_waits == MANY
        settled(world, world.main)
        assert world.basalt.pk in tenants_served(2)


@pytest.mark.parametrize("seed", range(3))
def test_tenants_that_have_something_left_are_served_in_turn_whoever_came_when(
    seed: int, world: World
) -> None:
    """Start-time fairness: while two tenants both have work waiting, neither is ever two claims ahead."""
    accounts = [world.shop] * 9 + [world.main] * 5
    random.Random(seed).shuffle(accounts)
    for account in accounts:
        settled(world, account)
    served: Counter[UUID] = Counter()
    for tenant in tenants_served(2 * 5):
        served[tenant] += 1
        assert abs(served[world.archipel.pk] - served[world.basalt.pk]) <= 2


def test_brought_to_the_front_it_has_a_place_in_the_fronts_own_queue(world: World) -> None:
    for _ in range(MANY):
        last = settled(world, world.shop)
    assert last.share >= MANY - 1
    work.wish(last.runtime)
    assert not again(last).background
    assert last.share < 1
