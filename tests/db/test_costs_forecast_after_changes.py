"""What was agreed anew changes a forecast at once; no amount of another currency gets into it, or into a budget's alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.costs import budgets
from billing.costs.checking import check_budgets
from billing.costs.forecasting import TooLittle
from billing.costs.models import Budget, BudgetAlert, BudgetMonth
from billing.costs.months import load, rated_month
from billing.costs.projecting import Expected, month_outlook
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.costing import days_of, runtime_of
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, JULY, JUNE, begin, drafted, runtime, use
from tests.world import World

pytestmark = pytest.mark.django_db
THIRD = datetime(2026, 7, 3, tzinfo=UTC)
TILL_THIRD = THIRD.date()
WHOLE = Decimal("223.20")  # ten cores at 0.03 an hour, for the 31 days of July


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)


def steady(world: World, *, last: date = TILL_THIRD) -> None:
    days_of(world.shop, runtime_of(world.shop), last=last)


def contract(world: World, currency: str, *, starts: date = JUNE, **more: Any) -> None:
    agreeing.agree_contract(
        actor=SYSTEM, tenant=world.archipel, title="Agreed", currency=currency, starts=starts, **more
    )


def publish(quote: str, rate: str) -> None:
    since = date(2026, 1, 1)
    agreeing.publish_rate(actor=SYSTEM, base="EUR", quote=quote, since=since, rate=Decimal(rate), source="x")


def outlook(world: World, now: datetime = THIRD) -> Expected:
    found = month_outlook(tenant_id=world.archipel.id, now=now)
    assert isinstance(found, Expected)
    return found


def look(now: datetime = THIRD) -> None:
    Budget.objects.update(due_at=now)
    with acting_as(WORKER):
        check_budgets(now=now)


def test_after_a_change_of_currency_only_use_is_taken_from_the_month_before(world: World) -> None:
    publish("HUF", "400")
    contract(world, "HUF", starts=date(2026, 5, 1), ends=JULY)
    steady(world)
    found = outlook(world)
    assert (found.currency, found.expected) == ("EUR", WHOLE)
    assert found.low > Decimal(200)
    assert found.high < Decimal(250)


def test_a_budget_is_not_told_of_a_forecast_in_the_old_currency(world: World) -> None:
    publish("HUF", "400")
    contract(world, "HUF", starts=date(2026, 5, 1), ends=JULY)
    steady(world)
    for name, amount in (("Wide", 1000), ("Narrow", 220)):
        budgets.create_budget(
            actor=world.alice.actor, tenant=world.archipel, name=name, amount=Decimal(amount), thresholds=[],
            forecast_thresholds=[100],
        )  # fmt: skip
    look()
    stands = BudgetMonth.objects.filter(month=JULY).values_list("expected", flat=True)
    assert list(stands) == [WHOLE, WHOLE]
    alert = BudgetAlert.objects.get(month=JULY)
    assert (alert.budget.name, alert.basis, alert.value) == ("Narrow", "forecast", WHOLE)
    assert Notice.objects.filter(kind="budget-alert").count() == 1


def test_into_another_currency_the_dated_rate_counts(world: World) -> None:
    publish("HUF", "400")
    contract(world, "HUF", starts=JULY)
    steady(world)
    found = outlook(world)
    assert (found.currency, found.expected) == ("HUF", WHOLE * 400)


def test_without_a_rate_nothing_is_forecast_and_nobody_is_told(world: World) -> None:
    contract(world, "HUF", starts=JULY)
    steady(world)
    budgets.create_budget(
        actor=world.alice.actor, tenant=world.archipel, name="B", amount=Decimal(1), thresholds=[], forecast_thresholds=[1]
    )  # fmt: skip
    assert month_outlook(tenant_id=world.archipel.id, now=THIRD) == TooLittle(0)
    look()
    assert BudgetMonth.objects.get(month=JULY).expected is None
    assert not BudgetAlert.objects.exists()


@pytest.mark.parametrize("day", [1, 2, 3, 9])
def test_a_discount_that_begins_with_the_month_is_in_it_from_its_first_day(world: World, day: int) -> None:
    contract(world, "EUR", starts=JULY, discount_percent=Decimal(50))
    steady(world, last=date(2026, 7, day))
    assert outlook(world, datetime(2026, 7, day, tzinfo=UTC)).expected == WHOLE / 2


def test_a_commitment_that_begins_with_the_month_is_paid_once(world: World) -> None:
    agreeing.agree_commitment(
        actor=SYSTEM, tenant=world.archipel, title="Cores", meter="vcpu", units=Decimal(6000), currency="EUR",
        fee=Decimal(120), starts=JULY, ends=date(2026, 9, 1),
    )  # fmt: skip
    steady(world)
    # Of 7,440 core-hours the fee covers 6,000.
    assert outlook(world).expected == 120 + 1440 * Decimal("0.03")


def test_what_other_months_took_of_a_book_s_credit_is_gone_before_the_first_use(world: World) -> None:
    first = datetime(2026, 7, 1, tzinfo=UTC)
    begin(first)
    use(runtime(), world.shop, JUNE, days=30, plan="trial", vcpu=20 * 24 * CORE_HOUR)
    assert outlook(world, first).expected == 0  # 446.40, within the 500.00 that a trial gives
    assert drafted(world.archipel, JUNE, now=first + timedelta(days=2)).total == 0
    assert outlook(world, first).expected == Decimal("446.40") - 68  # for June took 432.00


def test_only_the_days_of_last_month_that_may_still_tell_are_read(world: World) -> None:
    steady(world)
    tenant = world.archipel.id
    counts = {}
    for day in (3, 28, 30):
        now = datetime(2026, 7, day, tzinfo=UTC)
        material = load(tenant_id=tenant, moment=now, now=now)
        month = rated_month(material, tenant_id=tenant)
        with CaptureQueriesContext(connection) as caught:
            month_outlook(tenant_id=tenant, now=now, material=material, month=month)
        counts[day] = len(caught)
    assert counts == {3: 2, 28: 2, 30: 0}


def test_another_tenant_s_use_is_in_no_forecast(world: World) -> None:
    steady(world)
    with tenant_scope(world.basalt.id):
        assert month_outlook(tenant_id=world.archipel.id, now=THIRD) == TooLittle(0)
    assert month_outlook(tenant_id=world.basalt.id, now=THIRD) == TooLittle(0)
