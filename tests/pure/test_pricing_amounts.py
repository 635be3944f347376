"""Amounts are written one way for people and one way for programs, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.amounts import MINUS, digits, plain, written


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1204.5", "EUR", "1,204.50 EUR"),
        ("-0.5", "EUR", f"{MINUS}0.50 EUR"),
        ("0", "EUR", "0.00 EUR"),
        ("1E+3", "EUR", "1,000.00 EUR"),
        ("1200", "JPY", "1,200 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        ("0.000135", "EUR", "0.000135 EUR"),
    ],
)
def test_people_read_an_amount_with_its_currencys_places(amount: str, currency: str, text: str) -> None:
    assert written(Decimal(amount), currency) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_nothing_of_an_amount_is_lost_in_writing_it(amount: Decimal) -> None:
    assert (
        Decimal(digits(amount, "EUR").replace(",", "").replace(MINUS, "-"))
        == amount
        == Decimal(plain(amount))
    )
