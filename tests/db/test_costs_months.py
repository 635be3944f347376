"""A month so far costs what its statement would demand, and is rated once as long as nothing is new."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.books.services import terms
from billing.books.usage_items import usage_items
from billing.costs import months
from billing.costs.breakdown import By, figures
from billing.costs.forecasting import TooLittle
from billing.costs.months import month_cost
from billing.costs.projecting import Expected, month_outlook
from billing.costs.summary import overview
from billing.pricing.periods import month
from billing.pricing.rating import rate
from billing.usage.hours import roll_up
from controlplane.console.presenters.costs import compared_sentence
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.costing import CORES, FIRST, NOON, day_of, days_of, runtime_of
from tests.signed_in import text
from tests.usage import begin, live, send, sight, slots
from tests.world import World

pytestmark = pytest.mark.django_db
A_DAY = Decimal("7.20")  # ten cores for a day at 0.03 a core and hour


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)


def test_a_finished_month_costs_what_its_statement_demands(world: World) -> None:
    for account, cores in ((world.shop, 7), (world.lab, 3)):
        days_of(account, runtime_of(account), meters=lambda _, n=cores: {"vcpu": n * CORES})  # type: ignore[misc]
    tenant = world.archipel.id
    found = month_cost(tenant_id=tenant, moment=datetime(2026, 5, 9, tzinfo=UTC), now=NOON)
    held = terms(tenant, month(2026, 5))
    assert found.total == rate(usage_items(tenant_id=tenant, terms=held), held).billed == 31 * A_DAY
    assert found.is_over
    assert [(row.key, row.cost) for row in figures([found], By.ACCOUNT)] == [
        (str(world.shop.id), 31 * Decimal("5.04")),
        (str(world.lab.id), 31 * Decimal("2.16")),
    ]


def test_another_tenant_costs_nothing_of_it(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop))
    assert month_cost(tenant_id=world.basalt.id, moment=NOON, now=NOON).cells == ()
    with tenant_scope(world.basalt.id):
        assert month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON).cells == ()


def test_today_is_in_it_as_far_as_it_was_seen(world: World) -> None:
    now = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
    midnight = now.replace(hour=0, minute=0)
    begin(now)
    source = live(midnight, tenant=world.archipel.id, account=world.shop.id)
    send([sight(source, slot) for slot in slots(midnight, 3)])
    assert roll_up() > 0
    found = month_cost(tenant_id=world.archipel.id, moment=now, now=now)
    (figure,) = figures([found], By.DAY)
    assert figure.key == now.date().isoformat()
    # Four cores for a quarter of an hour.
    assert figure.activity == Decimal("0.03")
    assert found.known.observed == 900
    assert found.known.alive == min(3600, (now - midnight).total_seconds())


def test_nothing_is_rated_again_until_something_is_new(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source = runtime_of(world.shop)
    days_of(world.shop, source, last=date(2026, 6, 10))
    rated: list[Any] = []

    def counted(*given: Any) -> Any:
        rated.append(given)
        return rate(*given)

    monkeypatch.setattr(months, "rate", counted)
    first = month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON)
    assert month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON) == first
    assert len(rated) == 1
    day_of(world.shop, source, date(2026, 6, 10), {"vcpu": CORES})
    assert month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON).total > first.total
    agreeing.grant_credit(
        actor=SYSTEM, tenant=world.archipel, title="Gift", currency="EUR", amount=Decimal(5),
        starts=date(2026, 6, 1), expires=date(2026, 7, 1), reason="for the test",
    )  # fmt: skip
    assert month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON).credit == -5
    assert len(rated) == 3


def test_ten_runtimes_are_read_with_as_many_statements_as_one(world: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON)
        return len(caught)

    days_of(world.shop, runtime_of(world.shop), first=date(2026, 6, 1))
    statements()
    one = statements()
    for _ in range(9):
        days_of(world.shop, runtime_of(world.shop), first=date(2026, 6, 1))
    assert statements() == one <= 13


def test_the_outlook_is_rated_so_tiers_and_credits_are_in_it(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop))
    plain = month_outlook(tenant_id=world.archipel.id, now=NOON)
    assert isinstance(plain, Expected)
    # Thirty days, and half of today is neither seen nor to come.
    assert plain.expected == Decimal("212.40")
    # Of the 75.60 to come a thirtieth is unsure, after 28 days that were all alike.
    assert (plain.low, plain.high) == (Decimal("209.88"), Decimal("214.92"))
    assert plain.accounts[str(world.shop.id)] == (plain.expected, plain.low, plain.high)
    agreeing.grant_credit(
        actor=SYSTEM, tenant=world.archipel, title="Gift", currency="EUR", amount=Decimal(200),
        starts=date(2026, 6, 1), expires=date(2026, 7, 1), reason="for the test",
    )  # fmt: skip
    credited = month_outlook(tenant_id=world.archipel.id, now=NOON)
    assert isinstance(credited, Expected)
    assert credited.expected == Decimal("12.40")
    assert month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON).total == 0


def test_the_outlook_has_an_interval_that_holds_the_expected(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop), meters=lambda day: {"vcpu": (6 + day.day * 7 % 5) * CORES})
    found = month_outlook(tenant_id=world.archipel.id, now=NOON)
    assert isinstance(found, Expected)
    assert found.low < found.expected < found.high
    assert found.low > month_cost(tenant_id=world.archipel.id, moment=NOON, now=NOON).total


def test_from_a_few_days_no_outlook_is_made(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop), first=NOON.date() - timedelta(days=4))
    assert month_outlook(tenant_id=world.archipel.id, now=NOON) == TooLittle(4)


def test_days_that_were_hardly_seen_make_no_outlook(world: World) -> None:
    source = runtime_of(world.shop)
    for number in range(1, 12):
        day_of(world.shop, source, NOON.date() - timedelta(days=number), {"vcpu": CORES}, seen=0.5)
    assert month_outlook(tenant_id=world.archipel.id, now=NOON) == TooLittle(0)


def test_on_the_first_day_of_a_month_the_last_one_tells_what_days_are_like(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop), first=FIRST, last=date(2026, 6, 1))
    found = month_outlook(tenant_id=world.archipel.id, now=datetime(2026, 6, 1, tzinfo=UTC))
    assert isinstance(found, Expected)
    assert found.expected == 30 * A_DAY


@pytest.mark.parametrize(("since", "said"), [(FIRST, None), (date(2026, 5, 9), date(2026, 5, 9))])
def test_a_comparison_says_where_the_month_before_began_late(
    world: World, since: date, said: date | None
) -> None:
    source = runtime_of(world.shop, born=since)
    for day in (since, date(2026, 5, 15), date(2026, 6, 2)):
        day_of(world.shop, source, day, {"vcpu": CORES})
    compared = overview(tenant_id=world.archipel.id, moment=NOON, now=NOON).comparison
    assert compared is not None
    assert compared.begins == said
    assert ("began on" in compared_sentence(compared, "EUR")) == (said is not None)


def test_a_month_that_goes_on_says_why_its_days_differ_from_the_draft(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop), first=FIRST, last=NOON.date())
    client = Client()
    client.force_login(world.alice.user)
    with time_machine.travel(NOON, tick=False):
        assert "a draft of the statement, which ends with yesterday" in text(client.get("/costs/"))
        assert "ends with yesterday" not in text(client.get("/costs/?month=2026-05"))
