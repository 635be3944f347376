"""A budget in grams of CO2e tells as one in money does, and the trend has each month as it was sealed or as it is known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.cache import cache

from billing.books.apply import apply_prices
from billing.costs import budgets
from billing.costs.checking import check_budgets
from billing.costs.models import BudgetAlert, BudgetMonth, Kind
from billing.costs.summary import trend
from billing.footprint.models import MEASURES, PARTS, FootprintDay
from billing.usage.models import Source
from controlplane.kernel.errors import Refused
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import Account
from tests.costing import NOON, days_of, runtime_of
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, JULY, JUNE, LATER, begin, change, runtime, sealed, use
from tests.world import World, ensure_catalog, order

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    ensure_catalog()
    return World()


@pytest.fixture(autouse=True)
def prices(world: World) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)


def emitted(account: Account, source: Source, *, grams: int, days: int) -> None:
    """So much on each of the last days before the noon of these tests."""
    zeros = {f"{measure}_{part}": 0 for measure in MEASURES for part in PARTS}
    FootprintDay.objects.bulk_create(
        FootprintDay(
            day=NOON.date() - timedelta(days=number), source=source.id, tenant_id=account.tenant_id, account=account.id,
            plan="aws", runtime=source.runtime, region="eu-central-1", alive_seconds=86_400, observed_seconds=86_400,
            cpu_overrun=0, memory_overrun=0, currency="EUR", carbon_storage=0, region_known=True, use_known=True, factors=1,
            **{**zeros, "carbon_workload": grams * 1000}, carbon_low=grams * 900, carbon_high=grams * 1100,
        )
        for number in range(1, days + 1)
    )  # fmt: skip


def test_a_budget_of_carbon_is_told_at_its_threshold_and_on_forecast_and_stops(world: World) -> None:
    assert world.landscape.accepting
    source = runtime_of(world.shop)
    days_of(world.shop, source)
    emitted(world.shop, source, grams=100, days=19)  # the first nineteen days of June
    row = budgets.create_budget(
        actor=world.alice.actor, tenant=world.archipel, name="Air", amount=Decimal(2500), kind=Kind.CARBON, account="shop",
        thresholds=[75], forecast_thresholds=[100], hard_stop=True,
    )  # fmt: skip
    type(row).objects.update(due_at=NOON)
    with acting_as(WORKER):
        assert check_budgets(now=NOON) == 1
    stand = BudgetMonth.objects.get(budget=row)
    assert (stand.spent, stand.expected) == (Decimal(1900), Decimal(3000))
    assert sorted(BudgetAlert.objects.values_list("basis", "threshold")) == [
        ("actual", 75),
        ("forecast", 100),
    ]
    assert set(Notice.objects.filter(kind="budget-alert").values_list("to", flat=True)) == {
        "alice@example.org"
    }
    # Used up, it refuses what is new, as one in money does.
    emitted(world.shop, runtime_of(world.shop), grams=100, days=19)
    type(row).objects.update(due_at=NOON)
    with time_machine.travel(NOON, tick=False):
        check_budgets(now=NOON)
        with pytest.raises(Refused) as refused, tenant_scope(world.archipel.id):
            order(world)
        assert refused.value.code == "budget_exhausted"
        assert "g CO₂e" in refused.value.detail


def test_the_trend_has_sealed_months_as_sealed_and_the_others_as_known(world: World) -> None:
    begin()
    source = runtime()
    use(source, world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR)
    june = sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 110 * CORE_HOUR)  # the sealed one stays as it was
    found = {past.month: past for past in trend(tenant_id=world.archipel.id, now=LATER)}
    assert (found[JUNE].amount, found[JUNE].is_sealed) == (june.total, True)
    assert (found[JULY].amount, found[JULY].is_sealed) == (Decimal("9.30"), False)
    assert list(found) == sorted(found)
    assert found[date(2026, 11, 1)].amount == 0
