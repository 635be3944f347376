"""Costs and budgets by API and in the console, as their people see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from billing.books.apply import apply_prices
from billing.costs.breakdown import By, Figure
from billing.costs.names import title_of
from billing.meters.registry import meters
from controlplane.console.views import costs
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import create_user
from tests.api.asking import Asking, problem, read
from tests.costing import CORES, days_of, runtime_of
from tests.signed_in import text
from tests.world import World

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def prices(world: World) -> None:
    cache.clear()
    apply_prices(actor=SYSTEM)


@pytest.fixture
def spent(world: World) -> None:
    days_of(world.shop, runtime_of(world.shop), first=TODAY - timedelta(days=40), last=TODAY)


def page(world: World, path: str) -> str:
    client = Client()
    client.force_login(world.alice.user)
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_month_ties_with_its_breakdowns(alice: Asking, spent: None) -> None:
    month = (TODAY - timedelta(days=31)).strftime("%Y-%m")
    summary = read(alice.get(f"/costs?month={month}"))
    assert float(summary["total"]) > 0
    assert summary["forecast"] is None
    assert summary["coverage"]["observed_share"] == 1
    first = f"{month}-01"
    last = (datetime.fromisoformat(first) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    for by in ("account", "runtime", "meter", "day"):
        told = read(alice.get(f"/costs/breakdown?by={by}&from={first}&to={last:%Y-%m-%d}"))
        assert told["total"] == summary["total"]
    csv = alice.get(f"/costs/export?from={first}&to={last:%Y-%m-%d}")
    assert csv["Content-Type"] == "text/csv"


def test_every_row_of_a_breakdown_has_a_name(alice: Asking, spent: None) -> None:
    def names(by: str) -> set[tuple[str, str]]:
        return {(row["key"], row["name"]) for row in read(alice.get(f"/costs/breakdown?by={by}"))["rows"]}

    if TODAY.day > 1:
        assert ("vcpu", meters()["vcpu"].title) in names("meter")
        day = TODAY.replace(day=1).isoformat()
        assert (day, day) in names("day")


def test_what_belongs_to_no_account_meter_or_day_says_so() -> None:
    for by in (By.ACCOUNT, By.RUNTIME, By.METER):
        assert title_of(Figure(""), by, {}) == "The tenant as a whole"
    assert title_of(Figure(""), By.DAY, {}) == "Not of a single day"


def test_a_forecast_says_what_it_lacks(alice: Asking, spent: None, bob: Asking) -> None:
    found = read(alice.get("/costs/forecast"))
    assert float(found["low"]) <= float(found["expected"]) <= float(found["high"])
    nothing = read(bob.get("/costs/forecast"))
    assert (nothing["expected"], nothing["known_days"], nothing["needed_days"]) == (None, 0, 7)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?month=2026-13", "month_invalid"),
        ("?month=9999-01", "month_invalid"),
        ("/breakdown?by=colour", "invalid_parameter"),
        ("/breakdown?from=yesterday", "invalid_parameter"),
        ("/breakdown?from=2026-02-01&to=2026-01-01", "period_invalid"),
        ("/breakdown?from=2020-01-01&to=2026-01-01", "period_invalid"),
    ],
)
def test_what_can_not_be_asked_is_named(alice: Asking, query: str, code: str) -> None:
    assert problem(alice.get(f"/costs{query}")) == (400, code)


def test_a_budget_lives_through_the_api(alice: Asking, spent: None, vera: Asking) -> None:
    wish: dict[str, Any] = {"name": "Shop", "amount": "1.00", "account": "shop", "hard_stop": True}
    made = read(alice.post("/budgets", wish))
    assert (made["currency"], made["revision"], made["thresholds"]) == ("EUR", 1, [50, 80, 100])
    assert problem(alice.post("/budgets", wish)) == (409, "name_taken")
    assert problem(alice.post("/budgets", {**wish, "amount": "-1"}))[0] == 422
    changed = read(alice.patch(f"/budgets/{made['id']}", {"amount": "9.50"}, If_Match='"r1"'))
    assert (changed["amount"], changed["revision"]) == ("9.50", 2)
    stale = alice.patch(f"/budgets/{made['id']}", {"amount": "9"}, If_Match='"r1"')
    assert problem(stale) == (412, "stale_revision")
    assert problem(vera.get("/budgets")) == (403, "forbidden")
    assert read(alice.delete(f"/budgets/{made['id']}"))["id"] == made["id"]
    assert problem(alice.get(f"/budgets/{made['id']}")) == (404, "budget_not_found")


def test_the_page_says_in_words_what_is_missing(world: World) -> None:
    html = page(world, "/costs/")
    assert "Nothing was used in" in html
    assert "style=" not in html


def test_the_page_shows_the_month_and_links_to_its_days(world: World, spent: None) -> None:
    html = page(world, f"/costs/?month={TODAY - timedelta(days=31):%Y-%m}&by=meter")
    assert "Costs by day and meter" in html
    assert f"/costs/days/{TODAY - timedelta(days=31):%Y-%m}-" in html
    assert "not sealed yet" in html


def test_what_a_meter_costs_leads_to_the_runtimes_that_make_it_up(world: World, spent: None) -> None:
    text = page(world, "/costs/?by=meter")
    address = re.search(r'href="([^"]*by=runtime[^"]*meter=vcpu[^"]*)"', text)
    assert address is not None
    behind = page(world, unescape(address[1]))
    assert "By runtime · Processors" in behind
    assert "Show everything" in behind
    assert "By runtime ·" not in page(world, "/costs/?by=runtime&meter=nonsense")


def test_without_prices_the_page_says_so(world: World) -> None:
    assert "There are no prices for this month" in page(world, "/costs/?month=2025-06")


def test_a_runtimes_page_says_what_it_costs_this_month(world: World) -> None:
    runtime = Asking(world.alice).order()["runtime"]["id"]
    days_of(world.shop, runtime_of(world.shop), first=TODAY, last=TODAY, meters=lambda _: {"vcpu": CORES})
    html = page(world, f"/runtimes/{runtime}/")
    assert "Cost this month" in html
    assert f"/costs/runtimes/{runtime}/" in html


def test_the_team_chooses_from_a_list_or_writes_a_slug(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client = Client()
    client.force_login(person)
    assert (world.archipel.name, world.basalt.name) == ("Archipel", "Basalt")
    assert "write the slug" not in text(client.get("/costs/"))
    monkeypatch.setattr(costs, "LISTED", 1)
    shown = text(client.get("/costs/"))
    assert "Archipel archipel The first 1 are listed; write the slug of any other one above." in shown
    assert "Basalt" not in shown
    unknown = client.get("/costs/", {"tenant": "nobody"})
    assert unknown.status_code == 404
    assert "There is no tenant “nobody”" in text(unknown)
