"""Lines are shared out by day to the last cent, and figures by whatever tie with them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.costs.breakdown import By, Narrow, by_day_and, figures, sum_of
from billing.costs.charges import by_day
from billing.costs.months import Known, Life, Month
from billing.pricing.periods import month
from billing.pricing.rating import rate
from billing.pricing.types import Commitment, Grant, Terms, UsageItem
from tests.priced import HOUR, JUNE, book, line, terms, used

DAY = timedelta(days=1)
GRADUATED = {
    "rule": "graduated",
    "tiers": [{"up_to": 100, "price": "0.05"}, {"price": "0.03"}],
}
BOOK = book(line("vcpu", GRADUATED), line("memory", "0.0041"))


def on_day(number: int, meter: str, quantity: int, runtime: str = "r1", account: str = "a1") -> UsageItem:
    start = JUNE.start + number * DAY
    return used(meter, quantity, runtime=runtime, account=account, start=start, end=start + DAY)


def made(items: list[UsageItem], held: Terms) -> Month:
    rated = rate(items, held)
    cells = tuple(by_day(rated.lines, items))
    assert sum(cell.cost for cell in cells) == rated.billed
    return Month(held.month, held.month.end, rated.currency, cells, ())


quantities = st.integers(0, 40 * 1000 * HOUR)
usage = st.lists(
    st.tuples(st.integers(0, 29), st.sampled_from(["vcpu", "memory"]), quantities, st.sampled_from("xyz")),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(usage, st.decimals(0, 30, places=2))
def test_days_add_up_to_the_statement_whatever_was_used(
    rows: list[tuple[int, str, int, str]], credit: Decimal
) -> None:
    grants = (Grant("g", "Gift", "EUR", Decimal(30), credit, JUNE.start, JUNE.end),) if credit else ()
    items = [on_day(day, meter, quantity, runtime) for day, meter, quantity, runtime in rows]
    found = made(items, replace(terms(BOOK), grants=grants))
    for by in By:
        assert sum_of(figures([found], by)) == found.total
    assert pickle.loads(pickle.dumps(found)) == found
    by_runtime = by_day_and([found], By.RUNTIME)
    assert sum(sum(days.values()) for days in by_runtime.values()) == found.total


def test_a_day_gets_what_was_used_on_it() -> None:
    items = [on_day(0, "memory", 1024 * HOUR * 1000), on_day(3, "memory", 1024 * HOUR * 3000)]
    found = made(items, terms(BOOK))
    days = {figure.key: figure.cost for figure in figures([found], By.DAY)}
    assert days == {"2026-06-01": Decimal("4.10"), "2026-06-04": Decimal("12.30")}


def test_credit_is_told_apart_and_lies_on_the_days_of_what_it_pays() -> None:
    grant = Grant("g", "Gift", "EUR", Decimal(10), Decimal(10), JUNE.start, JUNE.end)
    found = made([on_day(2, "memory", 1024 * HOUR * 1000)], replace(terms(BOOK), grants=(grant,)))
    (figure,) = figures([found], By.DAY)
    assert (figure.activity, figure.credit, figure.cost) == (Decimal("4.10"), Decimal("-4.10"), Decimal(0))


def test_a_commitments_fee_and_a_minimum_belong_to_no_day() -> None:
    held = Commitment("c", "Reserved", "vcpu", "", Decimal(100), "EUR", Decimal(3), JUNE.start, JUNE.end)
    minimum = line(
        "memory", {"rule": "minimum", "amount": "5", "then": {"rule": "per_unit", "price": "0.0041"}}
    )
    found = made(
        [on_day(0, "vcpu", 24 * 1000 * HOUR), on_day(0, "memory", 1024 * HOUR * 100)],
        replace(terms(book(line("vcpu", "0.05"), minimum)), commitments=(held,)),
    )
    days = {figure.key: figure.cost for figure in figures([found], By.DAY)}
    assert days == {"": Decimal("7.59"), "2026-06-01": Decimal("0.41")}
    narrowed = figures([found], By.DAY, Narrow(first=JUNE.start.date(), last=JUNE.end.date()))
    assert [figure.key for figure in narrowed] == ["2026-06-01"]


def test_a_minimum_within_a_minimum_belongs_to_no_day_either() -> None:
    within = {"rule": "minimum", "amount": "3", "then": {"rule": "per_unit", "price": "0.0041"}}
    held = terms(book(line("memory", {"rule": "minimum", "amount": "5", "then": within})))
    found = made([on_day(0, "memory", 1024 * HOUR * 100)], held)
    days = {figure.key: figure.cost for figure in figures([found], By.DAY)}
    assert days == {"": Decimal("4.59"), "2026-06-01": Decimal("0.41")}


def test_a_meter_has_its_quantity_and_its_machine_types_apart() -> None:
    nodes = book(line("node", "0.10"))
    items = [
        used("node", 24 * HOUR, dimension=kind, start=JUNE.start, end=JUNE.start + DAY)
        for kind in ("big", "small")
    ]
    found = made(items, terms(nodes))
    rows = {figure.dimension: (figure.quantity, figure.unit) for figure in figures([found], By.METER)}
    assert rows == {"big": (Decimal(24), "Node-Hours"), "small": (Decimal(24), "Node-Hours")}


def test_what_is_known_stands_with_each_figure_even_where_nothing_was_seen() -> None:
    now = datetime(2026, 6, 3, tzinfo=UTC)
    lives = (
        Life(JUNE.start.date(), "a1", "r1", Known(3600, 0, 0)),
        Life(JUNE.start.date(), "a1", "r2", Known(0, 600, 3000)),
    )
    found = Month(month(2026, 6), now, "EUR", (), lives)
    assert [(row.key, row.known.share) for row in figures([found], By.RUNTIME)] == [
        ("r1", Decimal(1)),
        ("r2", Decimal(0)),
    ]
    assert found.known == Known(3600, 600, 3000)


def test_a_large_month_lies_small_in_the_cache() -> None:
    rows = [
        (day, meter, runtime) for day in range(30) for meter in ("vcpu", "memory") for runtime in range(100)
    ]
    items = [on_day(day, meter, (day + 7 * n) * HOUR, f"runtime-{n}") for day, meter, n in rows]
    found = made(items, terms(BOOK))
    assert len(pickle.dumps(found)) < 12 * len(found.cells)
