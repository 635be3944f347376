"""A budget's page says how it stands and whose it is; pages of months that are over say whose month budgets are looked at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache

from billing.books.apply import apply_prices
from billing.costs import budgets
from billing.costs.models import Budget
from controlplane.console.presenters.figures import share
from controlplane.tenants.access import SYSTEM
from tests.costing import NOON, days_of, runtime_of
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def prices(world: World) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)
    days_of(world.shop, runtime_of(world.shop))


def budget(world: World, amount: str, **more: Any) -> Budget:
    given = {"name": "Ours", "amount": Decimal(amount), "forecast_thresholds": [], **more}
    return budgets.create_budget(actor=world.alice.actor, tenant=world.archipel, **given)


def page(world: World, path: str) -> str:
    with time_machine.travel(NOON, tick=False):
        return browse(world.alice).get(path).content.decode()


def test_its_page_says_how_it_stands_and_whose_it_is(world: World) -> None:
    row = budget(world, "200", account=world.shop.slug)
    text = page(world, f"/costs/budgets/{row.id}/")
    assert "June 2026 so far" in text
    assert "136.80 EUR" in text
    assert "68 % of 200.00 EUR" in text
    assert "expected by the month" in text
    assert f"Archipel, account {world.shop.name}." in text
    whole = page(world, f"/costs/budgets/{budget(world, '200', name='All').id}/")
    assert "Archipel, as a whole." in whole


def test_only_one_that_stops_says_that_what_it_stopped_may_begin_again(world: World) -> None:
    for name, stops in (("Tells", False), ("Stops", True)):
        row = budget(world, "200", name=name, hard_stop=stops)
        assert ("may begin again" in page(world, f"/costs/budgets/{row.id}/")) is stops


def test_a_page_of_another_month_says_in_which_one_budgets_stand_so(world: World) -> None:
    budget(world, "200")
    assert "Budgets this month" in page(world, "/costs/")
    past = page(world, "/costs/?month=2026-05")
    assert "Budgets in June 2026" in past
    assert "Budgets this month" not in past


def test_far_beyond_a_budget_nobody_reads_each_digit(world: World) -> None:
    assert share(99) == "99 %"
    assert share(1000) == "1,000 %"
    assert share(-3) == "\u22123 %"
    row = budget(world, "0.01")
    text = page(world, f"/costs/budgets/{row.id}/")
    assert "more than 1,000 % of 0.01 EUR" in text
    assert "1368000" not in text
