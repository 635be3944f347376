"""Numbers in forms: commas stand between thousands, never before cents."""

from __future__ import annotations

from decimal import Decimal

import pytest

from controlplane.console.typed import number
from controlplane.kernel.errors import Refused


@pytest.mark.parametrize(
    ("text", "meant"),
    [("5", "5"), ("1250.5", "1250.5"), ("1,250.50", "1250.50"), ("1,250,000", "1250000"), ("0.07", "0.07")],
)
def test_a_number_is_read_as_it_is_meant(text: str, meant: str) -> None:
    assert number(text, "amount") == Decimal(meant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,5",
        "12,50",
        "1,2,3",
        ",500",
        "1,2500",
        "1_000",
        "1e3",
        "NaN",
        "٣",
        "0x1",
        "-1",
        "5.",
        "1" * 10,
        "0.1234567",
    ],
)
def test_what_may_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="such as 1250"):
        number(text, "amount")


def test_a_sign_is_read_where_there_may_be_one() -> None:
    assert (
        number("-1,012.50", "amount", signed=True)
        == number("\u22121012.50", "amount", signed=True)
        == Decimal("-1012.50")
    )
    with pytest.raises(Refused):
        number("--1", "amount", signed=True)
