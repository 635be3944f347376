"""A budget that can't be reckoned keeps what was known of it: its stop stays, and people are told once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.mail import EmailMessage

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.books.models import PlanPrices, PriceBook
from billing.costs import budgets, checking, queries
from billing.costs.admission import refuse_exhausted
from billing.costs.checking import Stand, check_budgets, stands_of
from billing.costs.models import Budget, BudgetAlert, BudgetMonth
from billing.usage.models import Day, DayLife
from controlplane.kernel.errors import Refused
from controlplane.notices.delivery import deliver_due
from controlplane.notices.models import Notice
from controlplane.notices.rendering import render
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.services import create_user
from tests.api.asking import Asking, read
from tests.costing import CORES, NOON, day_of, days_of, runtime_of
from tests.database_roles import acting_as
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db
JUNE = date(2026, 6, 1)
SPENT = Decimal("136.80")


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)
    create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", email="finops@example.org",
        platform_role=PlatformRole.FINOPS,
    )  # fmt: skip


def budget(world: World, amount: str = "100", **more: Any) -> Budget:
    given = {"name": "Shop", "amount": Decimal(amount), "hard_stop": True, "forecast_thresholds": [], **more}
    return budgets.create_budget(actor=world.alice.actor, tenant=world.archipel, **given)


def look(minutes: int = 0) -> None:
    """Look at every budget, as the worker does."""
    moment = NOON + timedelta(minutes=minutes)
    Budget.objects.update(due_at=moment)
    with acting_as(WORKER):
        check_budgets(now=moment)


def noted(row: Budget) -> BudgetMonth:
    return BudgetMonth.objects.get(budget=row, month=JUNE)


def in_dollars(world: World) -> None:
    agreeing.agree_contract(actor=SYSTEM, tenant=world.archipel, title="US", currency="USD", starts=JUNE)


def rate(base: str, quote: str, rate: str, since: date = JUNE) -> None:
    agreeing.publish_rate(actor=SYSTEM, base=base, quote=quote, since=since, rate=Decimal(rate), source="ECB")


def used(world: World) -> Any:
    source = runtime_of(world.shop)
    days_of(world.shop, source)
    return source


def on_plan(plan: str, **whose: Any) -> None:
    """Let a day have been used on another plan."""
    for kept in (Day, DayLife):
        kept.objects.filter(day=date(2026, 6, 19), **whose).update(plan=plan)


def letters() -> list[str]:
    return sorted(Notice.objects.filter(kind="budget-problem").values_list("to", flat=True))


def is_stopped(world: World) -> bool:
    with time_machine.travel(NOON, tick=False):
        try:
            refuse_exhausted(world.shop)
        except Refused as refused:
            return refused.code == "budget_exhausted"
    return False


def test_a_stop_stays_where_a_contract_in_another_currency_comes(world: World) -> None:
    used(world)
    row = budget(world)
    look()
    assert (noted(row).spent, is_stopped(world)) == (SPENT, True)
    in_dollars(world)
    look(5)
    stand = noted(row)
    assert stand.spent == SPENT
    assert "Your statements are in USD now, and no exchange rate to EUR holds" in stand.problem
    assert is_stopped(world)


def test_it_is_told_once_to_who_manages_costs_and_to_finops(world: World) -> None:
    used(world)
    row, other = budget(world), budget(world, "9000", name="Whole", hard_stop=False)
    look()
    in_dollars(world)
    for minutes in (5, 10, 15):
        look(minutes)
    assert noted(other).problem == noted(row).problem
    # Alice of each budget, FinOps of the tenant.
    assert letters() == ["alice@example.org", "alice@example.org", "finops@example.org"]


def test_the_letter_says_what_is_known_and_that_the_stop_goes_on() -> None:
    words = {
        "budget": "Shop", "tenant": "Archipel", "month": "June 2026", "amount": "100.00 EUR", "spent": "136.80 EUR",
        "problem": "There is no rate.", "stopped": True, "stops": True, "link": "https://example.org/costs/",
    }  # fmt: skip
    found = render("budget-problem", words)
    assert found.subject == "The budget Shop of Archipel can't be reckoned"
    assert "There is no rate." in found.text
    assert "136.80 EUR" in found.text
    assert "it goes on stopping new runtimes" in found.text
    assert "stops nothing yet" in render("budget-problem", {**words, "stopped": False}).text


def test_of_a_month_that_is_over_no_letter_says_that_it_stops_anything(
    world: World, mailoutbox: list[EmailMessage]
) -> None:
    used(world)
    with time_machine.travel(NOON, tick=False):
        budget(world)
        look()
    in_dollars(world)
    july = datetime(2026, 7, 1, 6, tzinfo=UTC)
    with time_machine.travel(july, tick=False):
        Budget.objects.update(due_at=july)
        check_budgets(now=july)
        deliver_due()
    texts = [str(one.body) for one in mailoutbox if "can't be reckoned" in one.subject]
    stops = {month: "stop" in text for month in ("June", "July") for text in texts if f"{month} 2026" in text}
    assert stops == {"June": False, "July": True}


def test_a_rate_that_holds_by_then_compares_in_the_budgets_own_currency(world: World) -> None:
    used(world)
    row = budget(world)
    look()
    in_dollars(world)
    rate("EUR", "USD", "1.25")
    rate("USD", "EUR", "0.5", since=date(2026, 6, 10))
    rate("USD", "EUR", "0.25", since=date(2026, 6, 21))  # tomorrow
    look(5)
    stand = noted(row)
    assert (stand.problem, stand.spent) == ("", SPENT * Decimal("1.25") * Decimal("0.5"))
    assert stand.expected is not None
    assert stand.spent < stand.expected < SPENT, "in euros as well"
    assert not is_stopped(world), "by the rate it is below its amount"
    assert letters() == []


def test_a_month_without_any_rate_is_not_a_month_that_cost_nothing(world: World) -> None:
    used(world)
    in_dollars(world)
    row = budget(world)
    assert row.currency == "USD"
    look()
    assert "There is no exchange rate from EUR to USD" in noted(row).problem
    assert letters() == ["alice@example.org", "finops@example.org"]


def test_usage_without_a_price_is_a_problem_and_what_could_be_priced_counts_where_it_is_more(
    world: World,
) -> None:
    source = used(world)
    row = budget(world, "140")
    look()
    on_plan("secret")
    look(5)
    stand = noted(row)
    assert stand.spent == SPENT, "what was known, not the 129.60 that could be priced"
    assert "Not all could be priced: no price book holds for plan secret" in stand.problem
    assert not is_stopped(world)
    day_of(world.shop, source, NOON.date(), {"vcpu": 1000 * CORES})
    look(60 * 24)
    assert noted(row).spent > 140
    assert is_stopped(world)
    assert [alert.threshold for alert in BudgetAlert.objects.order_by("threshold")] == [50, 80, 100]


def test_a_problem_of_one_account_is_none_of_anothers_budget(world: World) -> None:
    used(world)
    days_of(world.lab, runtime_of(world.lab))
    mine, theirs = budget(world, name="Lab", account="lab"), budget(world, account="shop")
    on_plan("secret", account=world.lab.id)
    look()
    assert "secret" in noted(mine).problem
    assert (noted(theirs).problem, noted(theirs).spent) == ("", SPENT)


def test_months_without_any_prices_keep_the_figure_too(world: World) -> None:
    used(world)
    row = budget(world)
    look()
    PlanPrices.objects.all().delete()
    PriceBook.objects.all().delete()
    look(5)
    assert noted(row).spent == SPENT
    assert "No prices hold in June 2026" in noted(row).problem
    assert is_stopped(world)


def test_what_is_mended_is_reckoned_again_and_another_kind_of_problem_is_told_anew(world: World) -> None:
    used(world)
    row = budget(world)
    look()
    on_plan("secret")
    look(5)
    on_plan("aws")
    Day.objects.filter(day=date(2026, 6, 19)).update(quantity=0)
    look(10)
    assert (noted(row).problem, noted(row).spent) == ("", Decimal("129.60"))
    in_dollars(world)
    look(15)
    assert noted(row).spent == Decimal("129.60")
    assert len(letters()) == 4


def test_of_two_looks_at_once_the_one_with_a_problem_takes_nothing_back(world: World) -> None:
    used(world)
    row = budget(world)
    look(5)
    blind = Stand(Decimal(0), problem="There is no rate.", code="rate_missing")
    # It had read before the other one wrote.
    checking._note(row, blind, JUNE, NOON + timedelta(minutes=6))
    assert (noted(row).spent, noted(row).problem) == (SPENT, "There is no rate.")


def test_a_new_month_begins_with_what_is_known_of_it(world: World) -> None:
    used(world)
    row = budget(world)
    look()
    in_dollars(world)
    july = datetime(2026, 7, 1, 6, tzinfo=UTC)
    Budget.objects.update(due_at=july)
    check_budgets(now=july)
    assert BudgetMonth.objects.get(budget=row, month=date(2026, 7, 1)).spent == 0
    assert noted(row).spent == SPENT


def test_the_page_and_the_api_say_it_in_words_with_the_figure_that_is_known(world: World) -> None:
    used(world)
    row = budget(world)
    look()
    in_dollars(world)
    look(5)
    with time_machine.travel(NOON, tick=False):
        told = read(Asking(world.alice).get(f"/budgets/{row.id}"))
        assert told["spent"] == "136.80"
        assert "no exchange rate to EUR holds" in told["problem"]
        client = browse(world.alice)
        costs = client.get("/costs/").content.decode()
        page = client.get(f"/costs/budgets/{row.id}/").content.decode()
    for text in (costs, page):
        assert "no exchange rate to EUR holds" in text
        assert "136.80 EUR" in text
    assert "Used up. It stops new runtimes" in costs
    assert "goes on stopping new runtimes" in page
    with time_machine.travel(NOON, tick=False), pytest.raises(Refused) as refused:
        refuse_exhausted(world.shop)
    assert "it can't be reckoned anew: Your statements are in USD now" in refused.value.detail


def test_nothing_is_written_by_asking(world: World) -> None:
    used(world)
    row = budget(world)
    in_dollars(world)
    found = stands_of(tenant_id=world.archipel.id, budgets=[row], moment=NOON, now=NOON)
    assert found[row.id].code == "budget_currency"
    assert not BudgetMonth.objects.exists()


def test_each_budget_is_noted_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    used(world)
    rows = [budget(world, name=name) for name in ("First", "Second")]
    note, noted_ids = queries.note_month, list[Any]()

    def breaks_the_second_time(values: dict[str, Any]) -> None:
        noted_ids.append(values["budget"])
        note(values)
        if len(noted_ids) == len(rows):
            raise RuntimeError("deadlock detected")

    monkeypatch.setattr(queries, "note_month", breaks_the_second_time)
    look()
    assert [row.budget_id for row in BudgetMonth.objects.all()] == noted_ids[:1]
