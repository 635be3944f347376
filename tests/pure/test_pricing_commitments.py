"""A commitment is paid whether used or not; what it covers is billed nothing and bears its share of the fee."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.rating import rate
from billing.pricing.types import UNUSED, USED, Category, Commitment, Rated
from tests.priced import HOUR, JUNE, book, cores, exact, line, rates, terms, used

HUNDRED = Commitment(
    "c1",
    "Hundred cores",
    "vcpu",
    "",
    Decimal(100),
    "EUR",
    Decimal(18),
    JUNE.start,
    JUNE.end + timedelta(days=300),
)


def rated(*hours: float, commitment: Commitment = HUNDRED, **more: Any) -> Rated:
    items = [cores(used, runtime=f"r{place}") for place, used in enumerate(hours)]
    return rate(items, terms(book(line("vcpu", "0.25")), commitments=(commitment,), **more))


def test_what_is_covered_is_billed_nothing_and_the_fee_is() -> None:
    found = rated(60, discount="20")
    [covered] = [entry for entry in found.lines if entry.commitment_status == USED]
    assert exact(covered.list_cost, covered.contracted_cost, covered.billed_cost) == (15, 12, 0)
    assert covered.effective_cost == Decimal("10.80")
    [fee] = [entry for entry in found.lines if entry.category is Category.PURCHASE]
    assert exact(fee.billed_cost, fee.effective_cost, fee.quantity, fee.unit) == (18, 0, 1, "Months")
    [unused] = [entry for entry in found.lines if entry.commitment_status == UNUSED]
    assert exact(unused.billed_cost, unused.effective_cost, unused.quantity) == (0, Decimal("7.20"), 40)
    assert found.billed == 18


def test_what_goes_beyond_has_the_books_price() -> None:
    found = rated(90, 90)
    assert found.billed == 18 + 80 * Decimal("0.25")
    covered = [entry for entry in found.lines if entry.commitment_status == USED]
    assert [exact(entry.runtime, entry.consumed_quantity) for entry in covered] == [("r0", 50), ("r1", 50)]


def test_a_commitment_that_does_not_hold_for_the_whole_month_does_not_hold() -> None:
    found = rated(60, commitment=replace(HUNDRED, starts=JUNE.end))
    assert found.billed == 15
    assert not found.commitments


def test_a_fee_in_another_currency_needs_a_rate() -> None:
    dollars = replace(HUNDRED, currency="USD")
    missing = rated(60, commitment=dollars)
    assert [entry.code for entry in missing.problems] == ["rate_missing"]
    assert missing.billed == 15
    known = rated(60, commitment=dollars, rates=rates(("USD", "EUR", JUNE.start, "0.5")))
    assert known.billed == 9


def test_a_commitment_to_one_machine_type_covers_no_other() -> None:
    price = {"rule": "capacity", "price": "0.12", "weights": {"large": 3, "small": 1}}
    held = replace(HUNDRED, meter="node", dimension="large")
    items = [used("node", 50 * HOUR, dimension=name) for name in ("large", "small")]
    found = rate(items, terms(book(line("node", price)), commitments=(held,)))
    assert found.billed == 18 + 50 * Decimal("0.12")
    [covered] = [entry for entry in found.lines if entry.commitment_status == USED]
    assert exact(covered.dimension, covered.quantity, covered.unit) == ("large", 150, "Capacity-Unit-Hours")
    assert covered.list_cost == 18


@given(st.lists(st.integers(0, 90), max_size=5), st.integers(1, 200), st.integers(0, 10_000))
def test_used_and_unused_are_what_was_committed_and_the_fee_is_spread_to_the_last_cent(
    hours: list[int], units: int, cents: int
) -> None:
    held = replace(HUNDRED, units=Decimal(units), fee=Decimal(cents) / 100)
    found = rated(*hours, commitment=held)
    [use] = found.commitments
    assert use.used + use.unused == use.committed == units
    assert use.used == min(units, sum(hours))
    spread = [entry.effective_cost for entry in found.lines if entry.commitment_status]
    assert sum(spread) == held.fee
    assert min([Decimal(0), *spread]) == 0
    assert sum(entry.billed_cost for entry in found.lines) == sum(
        entry.effective_cost for entry in found.lines
    )
    consumed = sum((entry.consumed_quantity for entry in found.lines if entry.runtime), Decimal(0))
    assert abs(consumed - sum(hours)) < Decimal("1e-12")
