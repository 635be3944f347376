"""Each price rule does its sum, and goes on within a month where the month stood."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.fields import Fields
from billing.pricing.rating import rate
from billing.pricing.rules.base import PriceRule, Use
from billing.pricing.rules.registry import parse_rule, rules
from tests.priced import HOUR, JUNE, book, cores, exact, line, parted, terms, used

GRADUATED = {"rule": "graduated", "tiers": [{"up_to": 100, "price": "0.05"}, {"price": "0.04"}]}
VOLUME = {"rule": "volume", "tiers": [{"up_to": 100, "price": "0.05"}, {"price": "0.04"}]}


def billed(price: Any, *hours: float, **more: Any) -> Decimal:
    """The bill of so many core hours, each of a runtime of its own."""
    held = terms(book(line("vcpu", price, **more)))
    rated = rate([cores(used, runtime=f"r{place}") for place, used in enumerate(hours)], held)
    assert not rated.problems
    return rated.billed


def rule_of(written: dict[str, Any]) -> PriceRule:
    rule = parse_rule(Fields(written, (), [], "EUR", 1))
    assert rule is not None
    return rule


def test_every_rule_of_the_house_is_found_by_its_file() -> None:
    assert set(rules()) == {
        "per_unit", "graduated", "volume", "package", "minimum", "included", "flat", "capacity",
    }  # fmt: skip


def test_every_unit_costs_the_same() -> None:
    assert billed("0.05", 10, 20) == Decimal("1.50")


def test_graduated_tiers_fill_one_after_another_over_the_whole_tenant() -> None:
    assert billed(GRADUATED, 60, 60) == 100 * Decimal("0.05") + 20 * Decimal("0.04")


def test_tiers_count_for_each_runtime_where_the_book_says_so() -> None:
    assert billed(GRADUATED, 60, 60, per="runtime") == 120 * Decimal("0.05")


def test_a_tier_is_filled_to_its_last_unit() -> None:
    assert billed(GRADUATED, 100) == Decimal("5.00")
    assert billed(VOLUME, 100) == Decimal("5.00")


def test_the_volume_chooses_one_price_for_all_and_may_cost_less_for_more() -> None:
    assert billed(VOLUME, 101) == Decimal("4.04")


def test_a_package_that_is_begun_is_paid() -> None:
    price = {"rule": "package", "size": 100, "price": "7"}
    assert billed(price, 100) == 7
    assert billed(price, 100.5) == 14


def test_a_minimum_tops_up_and_no_more() -> None:
    price = {"rule": "minimum", "amount": "5", "then": {"rule": "per_unit", "price": "0.05"}}
    assert billed(price, 10) == 5
    assert billed(price, 200) == 10


def test_included_units_cost_nothing_and_are_shown() -> None:
    price = {"rule": "included", "units": 50, "then": {"rule": "per_unit", "price": "0.05"}}
    assert billed(price, 30) == 0
    assert billed(price, 30, 30) == Decimal("0.50")
    rated = rate([cores(60)], terms(book(line("vcpu", price))))
    assert [exact(entry.part, entry.quantity, entry.billed_cost) for entry in rated.lines if entry.part] == [
        ("included", 50, 0)
    ]


@pytest.mark.parametrize(
    ("hours", "parts"),
    [
        (90, {"included": 90}),
        (120, {"included": 100, "included-2": 20, "minimum": 90 - 50, "minimum-2": 50}),
        (160, {"included": 100, "included-2": 50, "": 10, "minimum": 90 - 50, "minimum-2": 50 - 10}),
        (210, {"included": 100, "included-2": 50, "": 60, "minimum": 90 - 60}),
    ],
)
def test_each_part_of_rules_within_rules_has_the_same_name_whatever_was_used(
    hours: int, parts: dict[str, int]
) -> None:
    beyond = {"rule": "included", "units": 50, "then": {"rule": "per_unit", "price": "1"}}
    least = {"rule": "minimum", "amount": "90", "then": {"rule": "minimum", "amount": "50", "then": beyond}}
    price = {"rule": "included", "units": 100, "then": least}
    rated = rate([cores(hours)], terms(book(line("vcpu", price))))
    assert {
        entry.part: entry.quantity if entry.part.startswith("included") else entry.billed_cost
        for entry in rated.lines
    } == parts


def test_units_included_by_the_hour_need_hours_that_were_seen() -> None:
    price = {"rule": "included", "units_per_hour": 32, "then": {"rule": "per_unit", "price": "0.01"}}
    held = terms(book(line("block_storage", price, per="runtime")))
    gib = used("block_storage", 100 * 10 * HOUR, dimension="gp3", seen=10 * HOUR)
    assert rate([gib], held).billed == Decimal("6.80")
    assert rate([gib._replace(observed_seconds=5 * HOUR)], held).billed == Decimal("8.40")


def test_a_flat_fee_is_paid_once_or_for_what_was_seen() -> None:
    assert billed({"rule": "flat", "price": "30"}, 1, 1, 1) == 30
    assert billed({"rule": "flat", "price": "30"}, 1, 1, 1, per="runtime") == 90
    prorated = terms(book(line("vcpu", {"rule": "flat", "price": "30", "prorated": True}, per="runtime")))
    assert rate([cores(1, seen=10 * 24 * HOUR)], prorated).billed == 10


def test_a_capacity_unit_weighs_each_machine_type() -> None:
    price = {"rule": "capacity", "price": "0.12", "weights": {"m6i.large": 3, "m6i.2xlarge": "8"}}
    held = terms(book(line("node", price)))
    rated = rate([used("node", 3 * 720 * HOUR, dimension="m6i.large")], held)
    assert rated.billed == Decimal("777.60")
    assert exact(rated.lines[0].quantity, rated.lines[0].unit) == (6480, "Capacity-Unit-Hours")
    assert exact(rated.lines[0].consumed_quantity, rated.lines[0].consumed_unit) == (2160, "Node-Hours")


def test_a_machine_type_without_a_weight_is_named_and_the_rest_is_rated() -> None:
    price = {"rule": "capacity", "price": "0.12", "weights": {"m6i.large": 3}}
    items = [used("node", HOUR, dimension="x9.huge"), used("node", HOUR, dimension="m6i.large", runtime="r2")]
    rated = rate(items, terms(book(line("node", price))))
    assert [(found.row, found.field, found.code) for found in rated.problems] == [
        (0, "dimension", "dimension_unpriced")
    ]
    assert "x9.huge has no weight; add it" in rated.problems[0].detail
    assert rated.billed == Decimal("0.36")


TIERS = st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 500)), min_size=1, max_size=5)


def tiered(steps: list[tuple[int, int]], last: int) -> dict[str, Any]:
    upper, tiers = 0, []
    for size, cents in steps:
        upper += size
        tiers.append({"up_to": upper, "price": str(Decimal(cents) / 100)})
    return {"rule": "graduated", "tiers": [*tiers, {"price": str(Decimal(last) / 100)}]}


@given(TIERS, st.integers(0, 500), st.integers(0, 6000), st.integers(0, 6000))
def test_graduated_tiers_are_continuous_monotone_and_leave_no_unit_out(
    steps: list[tuple[int, int]], last: int, less: int, more: int
) -> None:
    rule = rule_of(tiered(steps, last))
    dearest = max([last, *(cents for _, cents in steps)])

    def cost(quantity: int) -> Any:
        parts = rule.charge(Use(quantity, 1, total=quantity))
        assert sum(part.base for part in parts) == quantity
        return sum(part.amount for part in parts)

    less, more = sorted((less, more))
    assert cost(less) <= cost(more) <= cost(less) + (more - less) * Fraction(dearest, 100)


NESTED = st.sampled_from(
    [
        GRADUATED,
        {"rule": "per_unit", "price": "0.05"},
        {"rule": "package", "size": 7, "price": "1"},
        {"rule": "included", "units": 40, "then": GRADUATED},
        {"rule": "minimum", "amount": "9", "then": {"rule": "package", "size": 30, "price": "2"}},
        VOLUME,
        {"rule": "included", "units": 10, "then": VOLUME},
    ]
)


@given(NESTED, st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_a_month_in_pieces_is_charged_as_the_month_in_one(price: dict[str, Any], pieces: list[int]) -> None:
    rule, spent, before = rule_of(price), Fraction(0), 0
    total = sum(pieces)
    for place, base in enumerate(pieces):
        last = place == len(pieces) - 1
        use = Use(base, 1, before=before, total=total, last=last, spent=spent)
        spent += sum(part.amount for part in rule.charge(use))
        before += base
    assert spent == sum(part.amount for part in rule.charge(Use(total, 1, total=total)))


def test_tier_counters_go_on_over_a_change_of_prices() -> None:
    dearer = {"rule": "graduated", "tiers": [{"up_to": 100, "price": "0.07"}, {"price": "0.06"}]}
    at = JUNE.start + timedelta(days=10)
    held = parted(book(line("vcpu", GRADUATED)), book(line("vcpu", dearer), version=2), at)
    rated = rate([cores(80, end=at), cores(80, start=at)], held)
    assert {(entry.book_version, entry.part, int(entry.quantity)) for entry in rated.lines} == {
        (1, "tier-1", 80),
        (2, "tier-1", 20),
        (2, "tier-2", 60),
    }


@pytest.mark.parametrize("price", [GRADUATED, VOLUME, {"rule": "package", "size": 30, "price": "2"}])
def test_a_tenants_charge_is_shared_by_its_runtimes_to_the_last_cent(price: dict[str, Any]) -> None:
    items = [cores(hours, runtime=f"r{hours}") for hours in (33, 34, 67, 1)]
    shared = rate(items, terms(book(line("vcpu", price))))
    alone = rate([cores(135)], terms(book(line("vcpu", price))))
    assert shared.billed == alone.billed
    assert sum(entry.base_quantity for entry in shared.lines) == sum(
        entry.base_quantity for entry in alone.lines
    )
    assert {entry.runtime for entry in shared.lines} == {"r33", "r34", "r67", "r1"}
