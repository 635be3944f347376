"""Money is exact: rounded half to even, split to the last cent, never a float."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.fx import RateMissingError
from billing.pricing.money import (
    PLACES,
    MoneyError,
    from_minor,
    price,
    quantity_of,
    round_ratio,
    split,
    to_minor,
)
from tests.priced import JUNE, rates


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_a_ratio_rounds_half_to_even_as_decimal_does(numerator: int, denominator: int) -> None:
    with localcontext(prec=200):
        exact = (Decimal(numerator) / denominator).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    assert round_ratio(numerator, denominator) == exact


@pytest.mark.parametrize(("halves", "whole"), [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2)])
def test_a_half_goes_to_the_even_neighbour(halves: int, whole: int) -> None:
    assert round_ratio(halves, 2) == whole


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**15), min_size=1, max_size=30))
def test_what_is_split_adds_up_to_the_last_unit_and_nobody_is_a_unit_off(
    total: int, weights: list[int]
) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        assert all(
            abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True)
        )


def test_of_equal_remainders_the_earlier_gets_the_unit() -> None:
    assert split(2, [1, 1, 1]) == [1, 1, 0]
    assert split(-2, [1, 1, 1]) == [-1, -1, 0]


def test_what_nobody_used_is_shared_alike() -> None:
    assert split(5, [0, 0]) == [3, 2]


@pytest.mark.parametrize(
    ("amount", "word"),
    [
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("-0.01", "negative"),
        ("0.0000000000001", "decimal places"),
    ],
)
def test_a_price_that_can_not_be_is_refused(amount: str, word: str) -> None:
    with pytest.raises(MoneyError, match=word):
        price(Decimal(amount), "EUR")


def test_an_unknown_currency_is_refused_with_the_remedy() -> None:
    with pytest.raises(MoneyError, match=r"'Euro' is no currency of ISO 4217.*such as EUR"):
        price(Decimal(1), "Euro")


def test_currencies_have_their_own_minor_units() -> None:
    assert (PLACES["EUR"], PLACES["JPY"], PLACES["KWD"]) == (2, 0, 3)
    assert from_minor(5, 2) == Decimal("0.05")
    assert str(from_minor(1200, 2)) == "12.00"


def test_an_amount_finer_than_the_currency_is_refused() -> None:
    assert to_minor(Decimal("12.5"), "EUR") == 1250
    with pytest.raises(MoneyError, match="finer"):
        to_minor(Decimal("12.5"), "JPY")


def test_a_quantity_that_never_ends_is_cut_at_fifteen_places() -> None:
    assert quantity_of(1, 3) == Decimal("0.333333333333333")
    assert quantity_of(10, 4) == Decimal("2.5")


def test_the_rate_of_the_day_holds_until_the_next() -> None:
    held = rates(("USD", "EUR", JUNE.start, "0.9"), ("USD", "EUR", JUNE.end, "0.8"))
    assert held.at("USD", "EUR", JUNE.start) == Decimal("0.9")
    assert held.at("USD", "EUR", JUNE.end) == Decimal("0.8")
    assert held.at("EUR", "EUR", JUNE.start) == 1


def test_a_missing_rate_is_neither_inverted_nor_taken_from_the_future() -> None:
    held = rates(("USD", "EUR", JUNE.end, "0.8"))
    with pytest.raises(RateMissingError, match="from USD to EUR for 2026-06-01; add one"):
        held.at("USD", "EUR", JUNE.start)
    with pytest.raises(RateMissingError, match="from EUR to USD"):
        held.at("EUR", "USD", JUNE.end)
