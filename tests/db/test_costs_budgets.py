"""Budgets tell once, stop what is new, and cost nothing while nothing changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.books.apply import apply_prices
from billing.costs import budgets, checking, telling
from billing.costs.checking import check_budgets, passed
from billing.costs.models import Budget, BudgetAlert, BudgetMonth
from controlplane.kernel.errors import Refused
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import AuditEvent
from tests.costing import CORES, NOON, day_of, days_of, runtime_of
from tests.database_roles import acting_as
from tests.world import World, member, order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)


def budget(world: World, amount: str = "100", **more: Any) -> Budget:
    given: dict[str, Any] = {"name": "Shop", "amount": Decimal(amount), **more}
    return budgets.create_budget(actor=world.alice.actor, tenant=world.archipel, **given)


def check(now: datetime = NOON) -> int:
    """Look at every budget, as the worker does."""
    with acting_as(WORKER):
        return check_budgets(now=now)


def due(moment: datetime = NOON) -> None:
    Budget.objects.update(due_at=moment)


def letters() -> list[str]:
    return sorted(Notice.objects.filter(kind="budget-alert").values_list("to", flat=True))


def test_it_notes_what_is_spent_and_what_is_expected(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop))
    row = budget(world, "1000", account="shop")
    due()
    assert check() == 1
    stand = BudgetMonth.objects.get(budget=row)
    assert (stand.month, stand.spent, stand.expected) == (
        date(2026, 6, 1),
        Decimal("136.80"),
        Decimal("212.40"),
    )
    assert letters() == []


def test_a_threshold_is_told_once_a_month_to_who_answers_for_the_money(world: World) -> None:
    member("fin", world.archipel, Role.FINANCE)
    member("dev", world.archipel, Role.DEVELOPER)
    source = runtime_of(world.shop)
    days_of(world.shop, source)
    budget(world, "150", thresholds=[50, 80, 100], forecast_thresholds=[])
    for minutes in (0, 5, 10):
        due()
        check(NOON + timedelta(minutes=minutes))
    # Fifty and eighty were passed at once: one letter each, about the higher one.
    assert letters() == ["alice@example.org", "fin@example.org"]
    assert sorted(BudgetAlert.objects.values_list("threshold", "told")) == [(50, 0), (80, 2)]
    day_of(world.shop, source, NOON.date(), {"vcpu": 10 * CORES})
    day_of(world.shop, source, NOON.date() + timedelta(days=1), {"vcpu": 10 * CORES})
    later = NOON + timedelta(days=2)
    due(later)
    check(later)
    assert len(letters()) == 4


def test_the_forecast_is_told_apart_and_not_guessed_from_a_few_days(world: World) -> None:
    source = runtime_of(world.shop)
    days_of(world.shop, source, first=NOON.date() - timedelta(days=3))
    budget(world, "30", thresholds=[], forecast_thresholds=[100])
    due()
    check()
    assert letters() == []
    days_of(world.shop, source, last=NOON.date() - timedelta(days=3))
    due()
    check()
    assert letters() == ["alice@example.org"]
    assert BudgetAlert.objects.get().basis == "forecast"


def test_who_runs_beside_another_one_tells_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    days_of(world.shop, runtime_of(world.shop))
    row = budget(world, "100")
    for _ in range(2):  # both have read before either writes
        checking.check_tenant(tenant_id=world.archipel.id, budgets=[row.id], now=NOON)
    assert len(letters()) == 2  # of what is spent, and of what is expected
    due()
    assert [check(), check()] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_beats_share_the_budgets(world: World) -> None:
    for number in range(6):
        budget(world, name=f"B{number}")
    due()

    def beat(_: int) -> int:
        try:
            return check()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(beat, range(2))) == 6


def test_a_month_is_looked_at_while_late_usage_may_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(telling, "notify", lambda **given: told.append(given["context"]))
    days_of(world.shop, runtime_of(world.shop))
    row = budget(world, "200", hard_stop=True, forecast_thresholds=[])
    early = datetime(2026, 6, 2, 8, tzinfo=UTC)
    Budget.objects.update(due_at=early, created_at=early - timedelta(days=2))
    check(early)
    assert {stand.month: stand.spent for stand in BudgetMonth.objects.filter(budget=row)} == {
        date(2026, 5, 1): Decimal("223.20"),
        date(2026, 6, 1): Decimal("7.20"),
    }
    assert {(one["month"], one["stopped"], one["stops"]) for one in told} == {("May 2026", False, False)}


def test_nobody_is_told_of_a_month_before_the_budget_was_there(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop))
    row = budget(world, "200", hard_stop=True, forecast_thresholds=[])
    early = datetime(2026, 6, 2, 8, tzinfo=UTC)
    Budget.objects.update(due_at=early, created_at=early - timedelta(hours=1))
    check(early)
    assert [stand.month for stand in BudgetMonth.objects.filter(budget=row)] == [date(2026, 6, 1)]
    assert not letters()


def test_without_a_budget_that_is_due_a_beat_is_one_statement(world: World) -> None:
    row = budget(world)
    Budget.objects.filter(pk=row.pk).update(due_at=NOON + timedelta(minutes=1))
    with CaptureQueriesContext(connection) as caught:
        assert check_budgets(now=NOON) == 0
    assert len(caught) == 1


def test_whose_tenant_has_no_runtimes_is_looked_at_each_hour(world: World) -> None:
    row = budget(world)
    due()
    check()
    row.refresh_from_db()
    assert row.due_at == NOON + timedelta(hours=1)
    runtime_of(world.shop)
    due()
    check()
    row.refresh_from_db()
    assert row.due_at == NOON + timedelta(minutes=5)


def test_a_stop_refuses_new_runtimes_and_says_what_to_do(world: World) -> None:
    assert world.landscape.accepting
    with time_machine.travel(NOON, tick=False):
        days_of(world.shop, runtime_of(world.shop))
        row = budget(world, "100", account="shop", hard_stop=True)
        order(world, name="before")  # nobody has looked yet
        due()
        check()
        with pytest.raises(Refused) as refused, tenant_scope(world.archipel.id):
            order(world)
        assert (refused.value.code, refused.value.status) == ("budget_exhausted", 403)
        assert "100.00 EUR" in refused.value.detail
        assert "1 July" in refused.value.detail
        order(world, account=world.lab.slug)
        budgets.change_budget(actor=world.alice.actor, budget_id=row.id, changes={"amount": Decimal(900)})
        order(world, name="raised")
    budgets.change_budget(actor=world.alice.actor, budget_id=row.id, changes={"amount": Decimal(100)})
    with time_machine.travel(datetime(2026, 7, 1, 1, tzinfo=UTC), tick=False):
        order(world, name="next-month")


def test_a_budget_without_a_stop_refuses_nothing(world: World) -> None:
    assert world.landscape.accepting
    with time_machine.travel(NOON, tick=False):
        days_of(world.shop, runtime_of(world.shop))
        budget(world, "1")
        due()
        check()
        order(world)


def test_only_who_may_manages_budgets_and_each_change_is_audited(world: World) -> None:
    row = budget(world)
    fin = member("fin", world.archipel, Role.FINANCE)
    dev = member("dev", world.archipel, Role.DEVELOPER)
    with pytest.raises(Refused, match="does not allow"):
        budgets.change_budget(actor=dev.actor, budget_id=row.id, changes={"amount": Decimal(5)})
    changed = budgets.change_budget(
        actor=fin.actor, budget_id=row.id, changes={"amount": Decimal(5)}, expected_revision=1
    )
    assert changed.revision == 2
    with pytest.raises(Refused, match="changed since"):
        budgets.change_budget(actor=fin.actor, budget_id=row.id, changes={"name": "X"}, expected_revision=1)
    with pytest.raises(Refused, match="no budget"):
        budgets.remove_budget(actor=world.bob.actor, budget_id=row.id)
    budgets.remove_budget(actor=fin.actor, budget_id=row.id)
    actions = AuditEvent.objects.filter(action__startswith="budget.").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "budget.create",
        "budget.change",
        "budget.remove",
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Decimal(0)}, "amount_invalid"),
        ({"amount": Decimal("-1")}, "amount_invalid"),
        ({"amount": Decimal("NaN")}, "amount_invalid"),
        ({"amount": Decimal("1.001")}, "amount_invalid"),
        ({"name": " "}, "name_invalid"),
        ({"name": "x" * 81}, "name_invalid"),
        ({"thresholds": [0]}, "thresholds_invalid"),
        ({"thresholds": [1001]}, "thresholds_invalid"),
        ({"thresholds": list(range(1, 12))}, "thresholds_invalid"),
        ({"account": "main"}, "account_unknown"),
        ({"kind": "time"}, "kind_unknown"),
    ],
)
def test_what_can_not_be_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    assert world.main.tenant == world.basalt
    with pytest.raises(Refused) as refused:
        budget(world, **{"amount": "1", **{k: v for k, v in changes.items() if k != "amount"}}) if (
            "amount" not in changes
        ) else budgets.create_budget(actor=world.alice.actor, tenant=world.archipel, name="B", **changes)
    assert refused.value.code == code


def test_a_name_stands_once_in_a_tenant(world: World) -> None:
    budget(world)
    with pytest.raises(Refused, match="another name"):
        budget(world)


def test_a_threshold_is_passed_when_it_is_reached() -> None:
    amount = Decimal(100)
    assert passed(Decimal("79.99"), amount, [50, 80]) == [50]
    assert passed(Decimal(80), amount, [50, 80]) == [50, 80]
    assert passed(None, amount, [50]) == []
