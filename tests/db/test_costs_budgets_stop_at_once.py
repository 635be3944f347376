"""A stop that is used up as it is set holds from then on; one that is lifted or raised lets new runtimes in at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache

from billing.books.apply import apply_prices
from billing.costs import budgets
from billing.costs.checking import check_budgets
from billing.costs.models import Budget, BudgetMonth
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.costing import NOON, days_of, runtime_of
from tests.database_roles import acting_as
from tests.world import World, order

pytestmark = pytest.mark.django_db
Committed = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def spent(world: World) -> Iterator[None]:
    """Archipel's shop has cost 136.80 so far."""
    cache.clear()
    assert world.landscape.accepting
    with time_machine.travel(NOON, tick=False):
        apply_prices(actor=SYSTEM)
        days_of(world.shop, runtime_of(world.shop))
        yield


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Any) -> Committed:
    return lambda: django_capture_on_commit_callbacks(execute=True)


def stopping(world: World, amount: str, **more: Any) -> Budget:
    """A budget of the shop as its own web request makes it."""
    given: dict[str, Any] = {
        "name": "Shop",
        "amount": Decimal(amount),
        "account": "shop",
        "hard_stop": True,
        **more,
    }
    with tenant_scope(world.archipel.id):
        return budgets.create_budget(actor=world.alice.actor, tenant=world.archipel, **given)


def change(world: World, row: Budget, **changes: Any) -> None:
    with tenant_scope(world.archipel.id):
        budgets.change_budget(actor=world.alice.actor, budget_id=row.id, changes=changes)


def is_stopped(world: World, name: str) -> bool:
    with tenant_scope(world.archipel.id):
        try:
            order(world, name=name)
        except Refused as refusal:
            return refusal.code == "budget_exhausted"
    return False


def test_a_stop_that_is_used_up_when_it_is_set_stops_at_once(world: World, commit: Committed) -> None:
    with commit():
        stopping(world, "1")
    assert is_stopped(world, "next")


def test_a_budget_that_is_lowered_or_given_a_stop_stops_at_once(world: World, commit: Committed) -> None:
    with commit():
        lowered = stopping(world, "900")
    assert not is_stopped(world, "within")
    BudgetMonth.objects.all().delete()  # as long ago as it was looked at, nothing was known
    with commit():
        change(world, lowered, amount=Decimal(1))
    assert is_stopped(world, "lowered")
    with commit():
        change(world, lowered, hard_stop=False)
    assert not is_stopped(world, "lifted")
    with commit():
        change(world, lowered, hard_stop=True)
    assert is_stopped(world, "again")
    with commit():
        change(world, lowered, amount=Decimal(900))
    assert not is_stopped(world, "raised")


def test_what_is_looked_at_is_that_budget_alone(world: World, commit: Committed) -> None:
    other = stopping(world, "5", name="Other")
    with commit():
        row = stopping(world, "1")
    assert set(BudgetMonth.objects.values_list("budget", flat=True)) == {row.id} != {other.id}


def test_a_change_of_nothing_looks_at_nothing(world: World, commit: Committed) -> None:
    row = stopping(world, "1")
    with commit():
        change(world, row, amount=Decimal(1))
    assert not BudgetMonth.objects.exists()


def test_one_that_can_not_be_looked_at_is_set_and_left_to_beat(
    world: World, commit: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(**_: object) -> None:
        raise RuntimeError("no disk")

    monkeypatch.setattr(budgets, "check_tenant", breaks)
    with commit():
        row = stopping(world, "1")
    assert not is_stopped(world, "next")
    monkeypatch.undo()
    with acting_as(WORKER):
        Budget.objects.filter(pk=row.pk).update(due_at=NOON)
        assert check_budgets(now=NOON) == 1
    assert is_stopped(world, "later")


def test_a_budget_that_is_gone_before_anybody_looked_is_nobodys(world: World, commit: Committed) -> None:
    with commit():
        row = stopping(world, "1")
        with tenant_scope(world.archipel.id):
            budgets.remove_budget(actor=world.alice.actor, budget_id=row.id)
    assert not is_stopped(world, "next")
