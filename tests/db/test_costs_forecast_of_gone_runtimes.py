"""No budget tells of what runtimes that are gone would have cost, and no forecast of the usage store holds it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.cache import cache

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.books.models import PriceBook
from billing.costs import budgets
from billing.costs.checking import check_budgets
from billing.costs.models import Budget, BudgetAlert, BudgetMonth
from billing.costs.months import month_cost
from billing.costs.projecting import Expected, month_outlook
from billing.usage.models import Source
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from tests.costing import CORES, FIRST, day_of, runtime_of
from tests.database_roles import acting_as
from tests.months import use
from tests.world import World

pytestmark = pytest.mark.django_db
FIFTH = date(2026, 6, 5)
HALF = 43_200
MIB_DAY = 1024 * 86_400


@pytest.fixture(autouse=True)
def prices(db: None, world: World) -> None:
    """Memory is a fee by time of 300 a month and runtime; cores cost as in the standard book."""
    cache.clear()
    apply_prices(actor=SYSTEM)
    shipped = PriceBook.objects.get(key="standard")
    fee = {"per": "runtime", "price": {"rule": "flat", "price": "300", "prorated": True}}
    lines = [{**line, **(fee if line["meter"] == "memory" else {})} for line in shipped.document["lines"]]
    PriceBook.objects.create(
        key="own", version=1, title="Own", currency="EUR", effective_from=shipped.effective_from,
        document={**shipped.document, "key": "own", "lines": lines}, digest=uuid4().hex * 2,
    )  # fmt: skip
    agreeing.agree_contract(
        actor=SYSTEM, tenant=world.archipel, title="Own", currency="EUR", starts=FIRST, book="own"
    )


def lived_until_noon_of_the_fifth(world: World) -> Source:
    source = runtime_of(world.shop)
    day = FIRST
    while day < FIFTH:
        day_of(world.shop, source, day, {"vcpu": CORES, "memory": MIB_DAY})
        day += timedelta(days=1)
    use(source, world.shop, FIFTH, seen=HALF, alive=HALF, vcpu=CORES // 2, memory=MIB_DAY // 2)
    return source


def look(now: datetime) -> BudgetMonth:
    Budget.objects.update(due_at=now)
    with acting_as(WORKER):
        check_budgets(now=now)
    return BudgetMonth.objects.get(month=date(2026, 6, 1))


@pytest.mark.parametrize("day", [6, 8, 14])
def test_a_budget_is_not_told_of_a_runtime_that_is_gone(world: World, day: int) -> None:
    lived_until_noon_of_the_fifth(world)
    budgets.create_budget(
        actor=world.alice.actor, tenant=world.archipel, name="B", amount=Decimal(200), thresholds=[],
        forecast_thresholds=[100],
    )  # fmt: skip
    stand = look(datetime(2026, 6, day, 1, tzinfo=UTC))
    assert stand.spent == stand.expected == stand.low == stand.high == 45 + Decimal("3.24")
    assert not BudgetAlert.objects.exists()
    assert not Notice.objects.filter(kind="budget-alert").exists()


@pytest.mark.parametrize("day", [6, 8, 14])
def test_of_two_runtimes_only_the_one_that_is_left_is_in_the_days_to_come(world: World, day: int) -> None:
    lived_until_noon_of_the_fifth(world)
    left, one = runtime_of(world.shop), FIRST
    while one < date(2026, 6, day):
        day_of(world.shop, left, one, {"vcpu": CORES, "memory": MIB_DAY})
        one += timedelta(days=1)
    now = datetime(2026, 6, day, tzinfo=UTC)
    found = month_outlook(tenant_id=world.archipel.id, now=now)
    assert isinstance(found, Expected)
    assert found.expected == 45 + Decimal("3.24") + 300 + Decimal("21.60")
    assert month_cost(tenant_id=world.archipel.id, moment=now, now=now).total < found.expected


@pytest.mark.parametrize("day", [6, 7, 9])
def test_a_budget_is_not_told_of_what_is_gone_in_another_account(world: World, day: int) -> None:
    """A small runtime is born on the day on which a large one ends; no account pays for the other."""
    lived_until_noon_of_the_fifth(world)
    born, one = runtime_of(world.lab, born=FIFTH), FIFTH + timedelta(days=1)
    use(born, world.lab, FIFTH, seen=HALF, alive=HALF, vcpu=CORES // 80)
    while one < date(2026, 6, day):
        day_of(world.lab, born, one, {"vcpu": CORES // 40})
        one += timedelta(days=1)
    budgets.create_budget(
        actor=world.alice.actor, tenant=world.archipel, name="B", amount=Decimal(1), account="lab", thresholds=[],
        forecast_thresholds=[100],
    )  # fmt: skip
    stand = look(datetime(2026, 6, day, 1, tzinfo=UTC))
    assert stand.expected is not None
    assert stand.spent < stand.expected < 1
    assert not BudgetAlert.objects.exists()
