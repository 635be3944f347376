"""Drafts: what a month is made of, and that only what changed is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.books.whatif import find_book, what_if
from billing.pricing.periods import month as month_of
from billing.statements import drafting, tasks
from billing.statements.closing import open_months, tick
from billing.statements.drafting import draft, draft_month
from billing.statements.models import Charge, State, Statement
from billing.statements.preparing import prepare
from billing.statements.verifying import check_statement
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Account, Tenant
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


def billed(row: Statement) -> Decimal:
    return sum((charge.billed_cost for charge in Charge.objects.filter(statement=row)), Decimal(0))


def test_a_month_is_summed_up_by_runtime_and_meter(world: World) -> None:
    one, other = runtime(), runtime()
    use(one, world.shop, JUNE, days=3, vcpu=10 * CORE_HOUR, memory=4 * GIB_HOUR)
    use(other, world.lab, JUNE, vcpu=100 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    lines = {(line.runtime, line.meter): line for line in Charge.objects.filter(statement=row)}
    assert set(lines) == {(one.runtime, "vcpu"), (one.runtime, "memory"), (other.runtime, "vcpu")}
    assert lines[one.runtime, "vcpu"].quantity == 30
    assert lines[one.runtime, "vcpu"].alive_seconds == 3 * 86_400
    assert lines[one.runtime, "vcpu"].account == world.shop.id
    assert row.state == State.DRAFT
    assert row.total == billed(row) > 0
    assert row.charges_count == 3
    assert row.names[str(world.shop.id)] == "shop"


def test_a_draft_is_made_anew_only_where_something_changed(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    use(runtime(), world.main, JUNE, vcpu=10 * CORE_HOUR)
    assert draft_month(JUNE, now=LATER) == 2
    assert draft_month(JUNE, now=LATER) == 0
    use(runtime(), world.main, JUNE, vcpu=10 * CORE_HOUR)
    assert draft_month(JUNE, now=LATER) == 1
    assert Statement.objects.get(tenant=world.basalt).charges_count == 2


def four_tenants_one_a_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Return their ids in order; each has used something in June."""
    accounts = [world.shop, world.main]
    for slug in ("coral", "delta"):
        tenant = Tenant.objects.create(slug=slug, name=slug)
        accounts.append(Account.objects.create(tenant=tenant, slug="own", name="Own"))
    for account in accounts:
        use(runtime(), account, JUNE, vcpu=10 * CORE_HOUR)
    monkeypatch.setattr(drafting, "BATCH", 1)
    return sorted(account.tenant_id for account in accounts)


def read_by(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Return a list to which whoever's month is read will be added."""
    read: list[UUID] = []

    def noted(tenants: Sequence[UUID], *rest: Any) -> Any:
        read.extend(tenants)
        return prepare(tenants, *rest)

    monkeypatch.setattr(drafting, "prepare", noted)
    return read


def test_where_much_changed_a_second_worker_is_asked_once_and_neither_does_the_others_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = four_tenants_one_a_batch(world, monkeypatch)
    read = read_by(monkeypatch)
    asked: list[date] = []

    def ask(month: date, moment: datetime) -> None:
        asked.append(month)
        tasks.statements_beside(month.isoformat(), moment.isoformat())

    assert draft_month(JUNE, now=LATER, company=ask) == 1
    assert asked == [JUNE]
    assert read == [tenants[0], tenants[3], tenants[2], tenants[1]]
    assert sorted(Statement.objects.values_list("tenant_id", flat=True)) == tenants
    assert draft_month(JUNE, now=LATER, company=ask) == 0
    assert asked == [JUNE], "nothing changed, so nobody is asked"


def test_a_second_worker_that_never_comes_is_not_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = four_tenants_one_a_batch(world, monkeypatch)
    assert draft_month(JUNE, now=LATER, company=lambda *_: None) == 4
    assert sorted(Statement.objects.values_list("tenant_id", flat=True)) == tenants


def test_where_the_broker_is_away_the_month_is_drafted_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = four_tenants_one_a_batch(world, monkeypatch)
    asked: list[date] = []

    def away(month: date, _: datetime) -> None:
        asked.append(month)
        raise ConnectionResetError("the broker is away")

    with capture_logs() as logs:
        assert draft_month(JUNE, now=LATER, company=away) == 4
    assert sorted(Statement.objects.values_list("tenant_id", flat=True)) == tenants
    assert asked == [JUNE]
    assert [entry["event"] for entry in logs] == ["statements.alone"]


def test_the_beat_asks_by_a_task_that_names_the_month_and_the_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    four_tenants_one_a_batch(world, monkeypatch)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(tasks.statements_beside, "apply_async", lambda arguments, **_: sent.append(arguments))
    tasks.statements()
    [(month, moment)] = sent
    assert month == "2026-06-01"
    assert datetime.fromisoformat(moment) == Statement.objects.order_by("drafted_at")[0].drafted_at


def test_a_month_is_split_where_prices_change(world: World, tmp_path: Path) -> None:
    for name in ("standard-1.yaml", "trial-1.yaml"):
        (tmp_path / name).write_text((DATA / name).read_text())
    text = (DATA / "standard-1.yaml").read_text()
    second = (
        text.replace("version: 1", "version: 2")
        .replace("2026-01-01", "2026-06-11")
        .replace("0.0300", "0.0400")
    )
    (tmp_path / "standard-2.yaml").write_text(second)
    apply_prices(actor=SYSTEM, directory=tmp_path)
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    lines = list(Charge.objects.filter(statement=row).order_by("position"))
    assert [(line.book_version, line.quantity, line.billed_cost) for line in lines] == [
        (1, 100, Decimal("3.00")),
        (2, 200, Decimal("8.00")),
    ]
    assert lines[0].period_end == lines[1].period_start == datetime(2026, 6, 11, tzinfo=UTC)


def test_a_moved_account_pays_in_both_tenants(world: World) -> None:
    moving = runtime()
    use(moving, world.shop, JUNE, days=10, vcpu=10 * CORE_HOUR)
    use(moving, world.main, date(2026, 6, 11), days=20, vcpu=10 * CORE_HOUR)
    draft_month(JUNE, now=LATER)
    totals = dict(Statement.objects.values_list("tenant__slug", "total"))
    assert totals == {"archipel": Decimal("3.00"), "basalt": Decimal("6.00")}


def test_an_empty_month_has_no_statement_by_itself_and_an_empty_one_when_asked(world: World) -> None:
    tenant = world.archipel
    assert draft_month(JUNE, now=LATER) == 0
    row = sealed(tenant, JUNE)
    assert (row.total, row.charges_count) == (Decimal(0), 0)
    assert row.number == 1


@pytest.mark.parametrize(
    ("first", "days"), [(date(2024, 2, 1), 29), (date(2027, 2, 1), 28), (date(2026, 3, 1), 31)]
)
def test_a_february_has_its_days_and_a_change_of_clocks_no_other_length(
    world: World, first: date, days: int
) -> None:
    from billing.statements.drafting import period_of

    assert period_of(first).seconds == days * 86_400


def test_the_days_of_a_leap_february_are_all_in_it(world: World) -> None:
    february = date(2028, 2, 1)
    use(runtime(), world.shop, february, days=29, vcpu=10 * CORE_HOUR)
    use(runtime(), world.shop, date(2028, 3, 1), vcpu=1000 * CORE_HOUR)
    row = drafted(world.archipel, february, now=datetime(2028, 4, 1, tzinfo=UTC))
    assert row.total == Decimal("8.70")
    assert row.alive_seconds == 29 * 86_400


def test_a_trials_costs_are_booked_and_credited(world: World) -> None:
    use(runtime(), world.shop, JUNE, plan="trial", vcpu=100 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    found = [
        (line.category, line.billed_cost)
        for line in Charge.objects.filter(statement=row).order_by("position")
    ]
    usage, credit = found
    assert usage[0] == "Usage"
    assert usage[1] > 0
    assert credit == ("Credit", -usage[1])
    assert row.total == 0


def credited(row: Statement) -> Decimal:
    found = Charge.objects.filter(statement=row, category="Credit")
    return -sum((line.billed_cost for line in found), Decimal(0))


def test_a_trials_limit_holds_for_all_its_months_and_follows_when_an_earlier_one_changes(
    world: World,
) -> None:
    trial = runtime()
    use(trial, world.shop, JUNE, plan="trial", vcpu=10_000 * CORE_HOUR)  # 300 of the 500
    use(trial, world.shop, JULY, plan="trial", vcpu=10_000 * CORE_HOUR)
    use(trial, world.shop, AUGUST, plan="trial", vcpu=10_000 * CORE_HOUR)
    tenant = world.archipel
    june, july, august = (drafted(tenant, month) for month in (JUNE, JULY, AUGUST))
    assert [credited(row) for row in (june, july, august)] == [300, 200, 0]
    assert [row.total for row in (june, july, august)] == [0, 100, 300]
    sealed(tenant, JUNE)
    change(trial, JULY, "vcpu", 5_000 * CORE_HOUR)
    assert [credited(drafted(tenant, month)) for month in (JULY, AUGUST)] == [150, 50]
    sealed(tenant, JULY)
    change(trial, JUNE, "vcpu", 12_000 * CORE_HOUR)  # 60 more in a closed month come off what is left
    row = sealed(tenant, AUGUST)
    assert credited(row) == 50
    lines = Charge.objects.filter(tenant=tenant.id, category="Credit")
    assert -sum(line.billed_cost for line in lines) == 500
    assert not check_statement(row)


def test_a_commitment_alone_makes_a_statement(world: World) -> None:
    agreeing.agree_commitment(
        actor=SYSTEM, tenant=world.archipel, title="Base", meter="vcpu", units=Decimal(100), currency="EUR",
        fee=Decimal(2), starts=JUNE, ends=JULY,
    )  # fmt: skip
    assert draft_month(JUNE, now=LATER) == 1
    row = Statement.objects.get()
    assert row.total == 2
    assert row.commitments[0]["unused"] == "100"


def test_two_open_months_do_not_draw_the_same_credit_twice(world: World) -> None:
    agreeing.grant_credit(
        actor=SYSTEM, tenant=world.archipel, title="Hello", currency="EUR", amount=Decimal(4), starts=JUNE,
        expires=date(2027, 1, 1), reason="welcome",
    )  # fmt: skip
    use(runtime(), world.shop, JUNE, vcpu=100 * CORE_HOUR)
    use(runtime(), world.shop, JULY, vcpu=100 * CORE_HOUR)
    assert drafted(world.archipel, JUNE).total == 0
    assert drafted(world.archipel, JULY).total == 2
    [question] = what_if(month=month_of(2026, 7), book=find_book("standard/1"))
    assert question.before == 2
    assert question.change == 0
    assert sealed(world.archipel, JUNE).total == 0
    assert drafted(world.archipel, JULY).total == 2


def test_what_has_no_price_stands_as_a_problem(world: World) -> None:
    use(runtime(), world.shop, JUNE, plan="secret", vcpu=100 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    assert row.problems[0]["code"] == "plan_unpriced"
    assert "secret" in row.problems[0]["detail"]


def test_a_sealed_month_is_not_drafted_again(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=100 * CORE_HOUR)
    row = sealed(world.archipel, JUNE)
    assert draft([world.archipel.id], JUNE, now=LATER, again=True) == []
    assert draft_month(JUNE, now=LATER) == 0
    row.refresh_from_db()
    assert row.state == State.SEALED


def test_months_are_open_from_the_first_with_usage(world: World) -> None:
    assert list(open_months(LATER)) == [date(2026, 11, 1)]
    use(runtime(), world.shop, date(2026, 9, 17), vcpu=CORE_HOUR)
    assert list(open_months(LATER)) == [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
    assert tick(now=LATER) == 1
