"""What turns out later: correction lines in the next open month, and closed rows stay as they are."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.books import agreeing
from billing.books.models import CreditGrant
from billing.books.services import terms
from billing.pricing.rating import rate
from billing.statements.canonical import row_of
from billing.statements.drafting import draft_month, period_of
from billing.statements.inputs import booked_line, booked_of, usage_of
from billing.statements.models import Charge, Statement
from billing.statements.verifying import check_statement
from billing.usage import days, hours
from billing.usage.closing import begin_again, close_hours
from billing.usage.models import Day, Late
from controlplane.tenants.access import SYSTEM
from tests import usage as fleet
from tests.matrix import undone
from tests.months import (
    AUGUST,
    CORE_HOUR,
    GIB_HOUR,
    JULY,
    JUNE,
    LATER,
    begin,
    change,
    drafted,
    runtime,
    sealed,
    use,
)
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    begin()
    return World()


def rows_of(row: Statement) -> list[Any]:
    return [
        row_of(booked_line(charge)) for charge in Charge.objects.filter(statement=row).order_by("position")
    ]


def net(tenant: Any, month: date) -> dict[tuple[str, str, str, str], Decimal]:
    """What is booked of a month, original and corrections together, where it is not nothing."""
    sums: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    for booked in booked_of(tenant.id, month):
        line = booked.original
        sums[line.category, line.runtime, line.meter, line.part] += line.billed_cost
    return {key: amount for key, amount in sums.items() if amount}


def rated_now(tenant: Any, month: date) -> dict[tuple[str, str, str, str], Decimal]:
    held = terms(tenant, period_of(month))
    sums: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    for line in rate(usage_of({tenant.id: held})[tenant.id], held).lines:
        sums[line.category, line.runtime, line.meter, line.part] += line.billed_cost
    return {key: amount for key, amount in sums.items() if amount}


def test_late_usage_becomes_a_correction_with_its_own_period(world: World) -> None:
    source = runtime()
    use(source, world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    use(source, world.shop, JULY, days=31, vcpu=10 * CORE_HOUR)
    june = sealed(world.archipel, JUNE)
    before = rows_of(june)
    change(source, date(2026, 6, 30), "vcpu", 110 * CORE_HOUR)
    july = drafted(world.archipel, JULY)
    mended = Charge.objects.get(statement=july, charge_class="Correction")
    assert (mended.billed_cost, mended.quantity) == (Decimal("3.00"), Decimal(100))
    assert mended.origin_month == JUNE
    assert (mended.period_start, mended.period_end) == (
        datetime(2026, 6, 1, tzinfo=UTC),
        datetime(2026, 7, 1, tzinfo=UTC),
    )
    july = sealed(world.archipel, JULY)
    assert july.total == Decimal("9.30") + 3
    assert not Late.objects.exists()
    june.refresh_from_db()
    assert rows_of(june) == before
    assert check_statement(june) == check_statement(july) == []
    assert net(world.archipel, JUNE) == rated_now(world.archipel, JUNE)


def test_a_second_change_corrects_the_correction(world: World) -> None:
    source = runtime()
    for month in (JUNE, JULY, AUGUST):
        use(source, world.shop, month, days=28, vcpu=10 * CORE_HOUR)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 110 * CORE_HOUR)
    july = sealed(world.archipel, JULY)
    change(source, JUNE, "vcpu", 60 * CORE_HOUR)
    august = sealed(world.archipel, AUGUST)
    assert Charge.objects.get(statement=august, charge_class="Correction").billed_cost == Decimal("-1.50")
    assert net(world.archipel, JUNE) == rated_now(world.archipel, JUNE)
    assert [check_statement(row) for row in (july, august)] == [[], []]


def test_a_change_that_is_taken_back_before_it_is_billed_leaves_no_line(world: World) -> None:
    source = runtime()
    use(source, world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 110 * CORE_HOUR)
    change(source, JUNE, "vcpu", 10 * CORE_HOUR)
    july = sealed(world.archipel, JULY)
    assert not Charge.objects.filter(statement=july, charge_class="Correction").exists()
    assert not Late.objects.exists()


def test_a_tenant_with_nothing_but_a_correction_gets_a_statement(world: World) -> None:
    source = runtime()
    use(source, world.shop, JUNE, vcpu=100 * CORE_HOUR)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 0)
    assert draft_month(date(2026, 11, 1), now=LATER) == 1
    row = Statement.objects.get(month=date(2026, 11, 1))
    assert row.total == Decimal("-3.00")


def test_a_correction_draws_what_is_left_of_a_credit_and_gives_back_what_it_took(world: World) -> None:
    agreeing.grant_credit(
        actor=SYSTEM, tenant=world.archipel, title="Hello", currency="EUR", amount=Decimal(5), starts=JUNE,
        expires=date(2027, 1, 1), reason="welcome",
    )  # fmt: skip
    source = runtime()
    for month in (JUNE, JULY, AUGUST):
        use(source, world.shop, month, vcpu=100 * CORE_HOUR)
    sealed(world.archipel, JUNE)  # draws 3
    change(source, JUNE, "vcpu", 150 * CORE_HOUR)  # costs 1.50 more
    july = sealed(world.archipel, JULY)  # draws 1.50 for June, and 0.50 of its own 3
    assert july.total == Decimal("2.50")
    assert CreditGrant.objects.get().drawn == 5
    change(source, JUNE, "vcpu", 0)
    august = sealed(world.archipel, AUGUST)  # June gives 4.50 back, for the months that follow
    assert august.total == 3
    returned = CreditGrant.objects.exclude(drawn=5).get()
    assert (returned.amount, returned.drawn, returned.starts) == (Decimal("4.50"), 0, date(2026, 9, 1))
    assert not net(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 10 * CORE_HOUR)
    use(source, world.shop, date(2026, 9, 1), vcpu=100 * CORE_HOUR)
    september = sealed(world.archipel, date(2026, 9, 1))  # June has nothing left to draw, September has
    assert september.total == Decimal("0.30")
    assert [check_statement(row) for row in (july, august, september)] == [[], [], []]


def test_a_month_in_another_currency_is_mended_in_todays(world: World) -> None:
    agreeing.agree_contract(actor=SYSTEM, tenant=world.archipel, title="Dollars", currency="USD", starts=JULY)
    source = runtime()
    for month in (JUNE, JULY, AUGUST):
        use(source, world.shop, month, vcpu=100 * CORE_HOUR)
    assert sealed(world.archipel, JUNE).currency == "EUR"
    change(source, JUNE, "vcpu", 200 * CORE_HOUR)
    assert drafted(world.archipel, JULY).problems[0]["code"] == "rate_missing"
    agreeing.publish_rate(
        actor=SYSTEM, base="EUR", quote="USD", since=JUNE, rate=Decimal("1.25"), source="test"
    )
    july = sealed(world.archipel, JULY)
    assert july.currency == "USD"
    line = Charge.objects.get(statement=july, charge_class="Correction")
    assert (line.currency, line.billed_cost, line.booked_as["billed_cost"]) == ("USD", Decimal("3.75"), "3")
    assert july.total == Decimal("7.50")
    change(source, JUNE, "vcpu", 100 * CORE_HOUR)
    august = sealed(world.archipel, AUGUST)
    assert Charge.objects.get(statement=august, charge_class="Correction").booked_as["billed_cost"] == "-3"
    assert net(world.archipel, JUNE) == rated_now(world.archipel, JUNE)
    assert check_statement(july) == check_statement(august) == []


def test_samples_that_come_after_sealing_are_billed_next_month(world: World) -> None:
    """All the way: samples, hours, days, sealed; a late sample, and its correction."""
    begin_of = fleet.morning(45).replace(day=3)
    first = begin_of.date().replace(day=1)
    now = datetime.now(UTC)
    fleet.begin(begin_of)
    source = fleet.live(begin_of, gone=begin_of + fleet.HOUR, tenant=world.archipel.id, account=world.shop.id)
    begin_again(begin_of - fleet.HOUR)
    seen = fleet.slots(begin_of, 12)
    fleet.send([fleet.sight(source, slot) for slot in seen[:6]])
    roll(now)
    row = sealed(world.archipel, first, now=now)
    assert (row.observed_seconds, row.alive_seconds) == (1800, 3600)
    total = row.total
    assert total > 0
    fleet.send([fleet.sight(source, slot) for slot in seen[6:]])
    roll(now)
    assert Late.objects.count() == 1
    this = now.date().replace(day=1)
    assert draft_month(this, now=now) == 1
    mended = Statement.objects.get(month=this)
    assert mended.total == net_of(first, world) - total
    assert {charge.charge_class for charge in Charge.objects.filter(statement=mended)} == {"Correction"}


def net_of(month: date, world: World) -> Decimal:
    return sum(rated_now(world.archipel, month).values(), Decimal(0))


def roll(now: datetime) -> None:
    close_hours(now=now)
    while hours.roll_up():
        pass
    while days.roll_up_days(now=now):
        pass


USES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 10**9), st.integers(0, 10**8)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=USES, then=USES, later=USES)
def test_original_and_corrections_are_the_rating_of_corrected_usage(
    world: World, first: list[Any], then: list[Any], later: list[Any]
) -> None:
    """Properties 7, 10 and 11: lines add up, the same inputs give the same bytes, closed rows stay."""
    shop = world.shop  # made before the savepoint that forgets: the next example asks for it again
    with undone():
        sources = [runtime() for _ in range(3)]
        for source in sources:
            use(source, shop, JUNE, days=4, vcpu=1, memory=1)
            for month in (JULY, AUGUST):
                use(source, shop, month, vcpu=CORE_HOUR, memory=GIB_HOUR)
        put(sources, first, late=False)
        june = sealed(world.archipel, JUNE)
        closed, others = rows_of(june), []
        for month, changes in ((JULY, then), (AUGUST, later)):
            put(sources, changes, late=True)
            row = sealed(world.archipel, month)
            others.append(row)
            assert net(world.archipel, JUNE) == rated_now(world.archipel, JUNE)
        for row in (june, *others):
            lines = Charge.objects.filter(statement=row)
            assert sum((line.billed_cost for line in lines), Decimal(0)) == row.total
            assert check_statement(row) == []
        assert rows_of(june) == closed


def put(sources: list[Any], changes: list[Any], *, late: bool) -> None:
    for which, day, cores, memory in changes:
        on = JUNE + timedelta(days=day)
        for meter, quantity in (("vcpu", cores), ("memory", memory)):
            if late:
                change(sources[which], on, meter, quantity)
            else:
                Day.objects.filter(source=sources[which].id, day=on, meter=meter).update(quantity=quantity)
