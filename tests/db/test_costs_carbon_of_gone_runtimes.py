"""No budget of carbon tells of what gone runtimes would have emitted, and no account emits more than its tenant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.books.apply import apply_prices
from billing.costs import budgets
from billing.costs.carbon import carbon_month, carbon_outlook
from billing.costs.checking import check_budgets
from billing.costs.models import Budget, BudgetAlert, BudgetMonth, Kind
from billing.footprint.models import MEASURES, PARTS, FootprintDay
from billing.usage.models import Source
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.models import Account
from tests.costing import FIRST, runtime_of
from tests.database_roles import acting_as
from tests.world import World

pytestmark = pytest.mark.django_db
FIFTH = date(2026, 6, 5)
DAY_SECONDS = 86_400


@pytest.fixture(autouse=True)
def prices(db: None, world: World) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)


def emitted(account: Account, source: Source, grams: int, ended: datetime, *, born: date = FIRST) -> None:
    """So many grams a day until a moment."""
    zeros = {f"{measure}_{part}": 0 for measure in MEASURES for part in PARTS}
    rows, day = [], born
    while (begun := datetime(day.year, day.month, day.day, tzinfo=UTC)) < ended:
        seconds = min(DAY_SECONDS, int((ended - begun).total_seconds()))
        carbon = grams * 1000 * seconds // DAY_SECONDS
        rows.append(FootprintDay(
            day=day, source=source.id, tenant_id=account.tenant_id, account=account.id, plan="aws", runtime=source.runtime,
            region="eu-central-1", alive_seconds=seconds, observed_seconds=seconds, cpu_overrun=0, memory_overrun=0,
            currency="EUR", carbon_storage=0, region_known=True, use_known=True, factors=1,
            **{**zeros, "carbon_workload": carbon}, carbon_low=carbon, carbon_high=carbon,
        ))  # fmt: skip
        day += timedelta(days=1)
    FootprintDay.objects.bulk_create(rows)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=UTC)


def look(now: datetime) -> BudgetMonth:
    Budget.objects.update(due_at=now)
    with acting_as(WORKER):
        check_budgets(now=now)
    return BudgetMonth.objects.get(month=date(2026, 6, 1))


@pytest.mark.parametrize("account", ["", "shop"])
@pytest.mark.parametrize("day", [6, 8, 14, 28])
def test_a_budget_of_carbon_is_not_told_of_a_runtime_that_is_gone(
    world: World, day: int, account: str
) -> None:
    emitted(world.shop, runtime_of(world.shop), 100, at(5, 12))
    emitted(world.lab, runtime_of(world.lab), 1, at(day))
    budgets.create_budget(
        actor=world.alice.actor, tenant=world.archipel, name="Air", amount=Decimal(500), kind=Kind.CARBON, account=account,
        thresholds=[], forecast_thresholds=[100],
    )  # fmt: skip
    stand = look(at(day, 1))
    assert stand.expected == (450 if account else 480)
    assert not BudgetAlert.objects.exists()
    assert not Notice.objects.filter(kind="budget-alert").exists()


@pytest.mark.parametrize("day", [9, 10, 11, 14])
@pytest.mark.parametrize("by_turns", [(3,), (2, 5, 3), (0, 1)])
def test_nor_where_others_come_and_go_every_day_beside_it(
    world: World, by_turns: tuple[int, ...], day: int
) -> None:
    emitted(world.shop, runtime_of(world.shop), 1000, at(8, 12))
    emitted(world.shop, runtime_of(world.shop), 100, at(day))
    for morning in range(1, day):
        for _ in range(by_turns[morning % len(by_turns)]):
            emitted(world.shop, runtime_of(world.shop), 5, at(morning, 8), born=date(2026, 6, morning))
    budgets.create_budget(
        actor=world.alice.actor, tenant=world.archipel, name="Air", amount=Decimal(20_000), kind=Kind.CARBON, account="shop",
        thresholds=[], forecast_thresholds=[100],
    )  # fmt: skip
    stand = look(at(day, 1))
    assert stand.expected is not None
    assert 10_500 <= stand.expected <= 11_000
    assert not BudgetAlert.objects.exists()
    assert not Notice.objects.filter(kind="budget-alert").exists()


@pytest.mark.parametrize("day", [8, 16, 20, 28])
def test_accounts_add_up_to_their_tenant_and_one_made_anew_is_counted_once(world: World, day: int) -> None:
    emitted(world.shop, runtime_of(world.shop), 100, at(5, 12))
    emitted(world.lab, runtime_of(world.lab), 40, at(min(day, 7)))
    if day > 7:
        emitted(world.lab, runtime_of(world.lab), 40, at(day), born=date(2026, 6, 7))
    found = carbon_outlook(tenant_id=world.archipel.id, now=at(day, 1))
    assert {name: round(one[0]) for name, one in found.items()} == {
        str(world.shop.id): 450,
        str(world.lab.id): 1200,
        "": 1650,
    }
    so_far = carbon_month(tenant_id=world.archipel.id, moment=at(day, 1), now=at(day, 1))
    assert so_far == {
        str(world.shop.id): 450,
        str(world.lab.id): 40 * (day - 1),
        "": 450 + 40 * (day - 1),
    }


def test_it_is_read_in_one_statement_however_many_runtimes_there_are(world: World) -> None:
    for _ in range(3):
        emitted(world.shop, runtime_of(world.shop), 1, at(20))
    for tenant in (world.archipel.id, uuid4()):
        with CaptureQueriesContext(connection) as caught:
            carbon_outlook(tenant_id=tenant, now=at(20, 1))
        assert len(caught) == 1
