"""Rating is the same however its usage comes, tells of what it can't rate, and loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.pricing.corrections import corrections
from billing.pricing.periods import month
from billing.pricing.rating import rate
from billing.pricing.types import Category, UsageItem
from billing.pricing.whatif import compare, swapped
from tests.priced import HOUR, JUNE, METERS, book, cores, line, parted, rates, terms, used
from tests.pricing_histories import history

SEEDS = st.integers(0, 2**32)
DAY = timedelta(days=1)


@given(SEEDS)
@settings(deadline=None)
def test_the_same_usage_in_any_order_gives_the_same_bytes(seed: int) -> None:
    made = history(Random(seed))
    shuffled = Random(seed + 1).sample(made.items, len(made.items))
    assert repr(rate(shuffled, made.terms)) == repr(rate(made.items, made.terms))


@given(SEEDS, st.integers(1, 4))
@settings(deadline=None)
def test_usage_cut_into_other_pieces_costs_the_same(seed: int, parts: int) -> None:
    made = history(Random(seed))
    cut: list[UsageItem] = []
    for item in made.items:
        step = (item.end - item.start) / parts
        edges = [item.start + step * n for n in range(parts)] + [item.end]
        for place in range(parts):
            quantity = item.quantity // parts + (item.quantity % parts if place == 0 else 0)
            seconds = int((edges[place + 1] - edges[place]).total_seconds())
            cut.append(
                item._replace(
                    start=edges[place],
                    end=edges[place + 1],
                    quantity=quantity,
                    observed_seconds=seconds,
                    alive_seconds=seconds,
                )
            )
    whole, pieces = rate(made.items, made.terms), rate(cut, made.terms)
    assert [(entry.line_id, entry.billed_cost) for entry in pieces.lines] == [
        (entry.line_id, entry.billed_cost) for entry in whole.lines
    ]


@given(SEEDS)
@settings(deadline=None)
def test_every_line_has_an_id_of_its_own_and_its_price_times_its_quantity_is_its_cost(seed: int) -> None:
    rated = rate((made := history(Random(seed))).items, made.terms)
    assert len({entry.line_id for entry in rated.lines}) == len(rated.lines)
    for entry in rated.lines:
        exact = entry.quantity * entry.list_unit_price
        assert abs(entry.list_cost - exact) <= Decimal("0.02")  # one rounding, and one cent of a split
        assert entry.contracted_cost == entry.billed_cost == entry.effective_cost


@given(SEEDS, SEEDS)
@settings(deadline=None)
def test_what_was_booked_and_its_corrections_are_what_is_rated_now(seed: int, late: int) -> None:
    made = history(Random(seed))
    random = Random(late)
    mended = [
        item._replace(quantity=item.quantity * random.choice((0, 1, 1, 2)) // random.choice((1, 1, 3)))
        for item in made.items
        if random.random() < 0.9
    ]
    closed = rate(made.items, made.terms).lines
    kept = repr(closed)
    again = rate(mended, made.terms).lines
    first = corrections(closed, again, booked_in="2026-07")
    assert sum(entry.billed_cost for entry in (*closed, *first)) == sum(entry.billed_cost for entry in again)
    assert sum(entry.base_quantity for entry in (*closed, *first)) == sum(
        entry.base_quantity for entry in again
    )
    assert all(entry.class_ == "Correction" and entry.start < JUNE.end for entry in first)
    assert repr(closed) == kept
    assert corrections([*closed, *first], again, booked_in="2026-08") == []
    back = corrections([*closed, *first], closed, booked_in="2026-08")
    assert sum(entry.billed_cost for entry in (*closed, *first, *back)) == sum(
        entry.billed_cost for entry in closed
    )
    assert not {entry.line_id for entry in first} & {entry.line_id for entry in back}


@given(st.integers(1, 29), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_change_of_prices_is_rated_side_by_side(day: int, before: int, after: int) -> None:
    at = JUNE.start + day * DAY
    cheap, dear = book(line("vcpu", "0.0413")), book(line("vcpu", "0.0577"), version=2)
    items = [used("vcpu", before, end=at), used("vcpu", after, start=at)]
    both = rate(items, parted(cheap, dear, at))
    assert both.billed == rate(items[:1], terms(cheap)).billed + rate(items[1:], terms(dear)).billed


def test_usage_over_a_change_of_prices_is_shared_by_time_to_the_last_unit() -> None:
    at = JUNE.start + 10 * DAY
    rated = rate(
        [used("vcpu", 10**7 + 1)], parted(book(line("vcpu", "1")), book(line("vcpu", "2"), version=2), at)
    )
    assert [entry.base_quantity for entry in rated.lines] == [3333334, 6666667]
    assert [(entry.start, entry.end) for entry in rated.lines] == [(JUNE.start, at), (at, JUNE.end)]


@pytest.mark.parametrize(
    ("year", "number", "hours"), [(2024, 2, 696), (2026, 2, 672), (2026, 3, 744), (2026, 10, 744)]
)
def test_a_whole_month_has_all_its_hours_in_leap_years_and_when_clocks_change(
    year: int, number: int, hours: int
) -> None:
    period = month(year, number)
    held = replace(terms(book(line("vcpu", "1"), effective_from="2020-01-01"), period=period))
    item = used("vcpu", period.seconds * 1000, start=period.start, end=period.end)
    assert rate([item], held).billed == hours


def test_the_last_second_before_a_change_has_the_old_price() -> None:
    at = JUNE.start + 10 * DAY
    held = parted(book(line("vcpu", "1")), book(line("vcpu", "2"), version=2), at)
    second = timedelta(seconds=1)
    items = [cores(1, start=at - second, end=at), cores(1, start=at, end=at + second, runtime="r2")]
    assert [(entry.runtime, entry.book_version) for entry in rate(items, held).lines] == [
        ("r1", 1),
        ("r2", 2),
    ]


BAD: list[tuple[dict[str, Any], str, str, str]] = [
    ({"quantity": -1}, "quantity", "negative", "measure it again"),
    ({"quantity": float("nan")}, "quantity", "not_whole", "give a whole number"),
    ({"quantity": Decimal("1.5")}, "quantity", "not_whole", "give a whole number"),
    ({"quantity": True}, "quantity", "not_whole", "give a whole number"),
    ({"quantity": None}, "quantity", "not_whole", "give a whole number"),
    ({"end": JUNE.start}, "end", "period_empty", "mend the item's period"),
    ({"start": JUNE.start - DAY}, "start", "outside_month", "the month that it belongs to"),
    ({"end": JUNE.end + DAY}, "end", "outside_month", "the month that it belongs to"),
    ({"start": datetime(2026, 6, 1)}, "start", "no_time_zone", "with a time zone"),  # noqa: DTZ001
    ({"observed_seconds": 31 * 86_400}, "observed_seconds", "coverage_impossible", "recompute"),
    ({"observed_seconds": -1}, "observed_seconds", "negative", "at least 0"),
    ({"meter": "watts"}, "meter", "meter_unpriced", "add a line or name it under free"),
]


@pytest.mark.parametrize(
    ("wrong", "field", "code", "remedy"), BAD, ids=[f"{f}-{c}-{n}" for n, (_, f, c, _) in enumerate(BAD)]
)
def test_an_item_that_can_not_be_is_named_and_the_rest_is_rated(
    wrong: dict[str, Any], field: str, code: str, remedy: str
) -> None:
    items = [cores(10), cores(10)._replace(**wrong), cores(10, runtime="r3")]
    rated = rate(items, terms(book(line("vcpu", "0.05"))))
    assert [(found.row, found.field, found.code) for found in rated.problems] == [(1, field, code)]
    assert remedy in rated.problems[0].detail
    assert rated.billed == Decimal("1.00")


def test_a_plan_that_no_book_prices_is_named() -> None:
    held = terms(book(line("vcpu", "0.05")))
    only = replace(held, segments=(replace(held.segments[0], plans=frozenset({"aws"})),))
    rated = rate([cores(10), cores(10, plan="gold", runtime="r2")], only)
    assert [(found.row, found.field, found.code) for found in rated.problems] == [
        (1, "plan", "plan_unpriced")
    ]
    assert rated.billed == Decimal("0.50")


def test_a_missing_exchange_rate_is_told_once_and_nothing_is_booked_without() -> None:
    held = terms(book(line("vcpu", "0.05"), currency="USD"))
    rated = rate([cores(10), cores(10, runtime="r2")], held)
    assert [found.code for found in rated.problems] == ["rate_missing"]
    assert "add one that holds from 2026-06-01" in rated.problems[0].detail
    assert not rated.lines


def test_prices_in_dollars_are_billed_in_euros_at_the_rate_of_the_day_and_rounded_once() -> None:
    held = terms(
        book(line("vcpu", "0.05"), currency="USD"), rates=rates(("USD", "EUR", JUNE.start, "0.9137"))
    )
    rated = rate([cores(100)], held)
    assert rated.lines[0].list_unit_price == Decimal("0.045685")
    assert rated.billed == Decimal("4.57")
    assert rated.currency == "EUR"


def test_a_currency_without_cents_is_billed_in_whole_units() -> None:
    rated = rate([cores(1.5)], terms(book(line("vcpu", "7"), currency="JPY"), currency="JPY"))
    assert str(rated.billed) == "10"


def test_a_meter_that_is_free_has_no_line() -> None:
    rated = rate([used("egress", 2**30)], terms(book(line("vcpu", "1"))))
    assert not rated.lines
    assert not rated.problems


def test_the_first_line_that_takes_a_usage_prices_it() -> None:
    held = terms(
        book(
            line("vcpu", "1", key="frankfurt", regions=["eu-central-1"], plans=["gold"]),
            line("vcpu", "2", key="rest"),
        )
    )
    rated = rate([cores(1), cores(1, plan="gold", runtime="r2")], held)
    assert {entry.runtime: entry.price_line for entry in rated.lines} == {"r1": "rest", "r2": "frankfurt"}


def test_a_contracts_discount_leaves_the_list_price_to_be_seen() -> None:
    [entry] = rate([cores(96)], terms(book(line("vcpu", "0.05")), discount="20")).lines
    assert (entry.list_unit_price, entry.contracted_unit_price) == (Decimal("0.05"), Decimal("0.04"))
    assert (entry.list_cost, entry.contracted_cost, entry.billed_cost) == (
        Decimal("4.80"),
        Decimal("3.84"),
        Decimal("3.84"),
    )


def test_the_books_that_priced_something_are_named_with_their_hash() -> None:
    held = book(line("vcpu", "1"))
    assert rate([cores(1)], terms(held)).books == {"test/1": held.digest}
    assert rate([], terms(held)).books == {}


def test_what_another_book_would_have_made_of_it_is_told_by_runtime() -> None:
    held = terms(book(line("vcpu", "0.05"), line("memory", "0.01")), discount="10")
    other = swapped(held, book(line("vcpu", "0.06"), line("memory", "0.01"), version=2), instead_of="test")
    items = [cores(100), cores(300, runtime="r2"), used("memory", 50 * METERS["memory"].per_unit)]
    found = compare("archipel", items, held, other)
    assert (found.before, found.after, found.change) == (Decimal("18.45"), Decimal("22.05"), Decimal("3.60"))
    assert [(entry.runtime, entry.meter, entry.change) for entry in found.differences] == [
        ("r2", "vcpu", Decimal("2.70")),
        ("r1", "vcpu", Decimal("0.90")),
    ]
    assert swapped(held, other.segments[0].book, instead_of="another") == held


def test_the_bill_is_the_sum_of_its_lines() -> None:
    rated = rate([cores(0.333, runtime=f"r{n}") for n in range(10)], terms(book(line("vcpu", "0.05"))))
    assert {entry.category for entry in rated.lines} == {Category.USAGE}
    assert rated.billed == sum(entry.billed_cost for entry in rated.lines) == Decimal("0.20")
    assert datetime(2026, 6, 1, tzinfo=UTC) == rated.lines[0].start
    assert rated.lines[0].observed_seconds == 720 * HOUR
