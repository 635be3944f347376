"""Kubernetes quantities are read exactly, or not at all."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.collecting.quantities import UnreadableError, gibibytes, mebibytes, millicores, nanos

NANO = 10**9
FACTORS = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20),
    "Gi": Decimal(2**30), "Ti": Decimal(2**40), "e3": Decimal(1000), "E2": Decimal(100), "e-2": Decimal("0.01"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("2", 2 * NANO),
        ("1500m", 1_500_000_000),
        ("1e3", 1000 * NANO),
        ("1E3", 1000 * NANO),
        ("1E", 10**18 * NANO),
        ("12345678n", 12_345_678),
        ("2Gi", 2**31 * NANO),
        ("0.5Gi", 2**29 * NANO),
        (".5", NANO // 2),
        ("5.", 5 * NANO),
        ("+3", 3 * NANO),
        ("0.1m", 100_000),
        ("0.5n", 1),
    ],
)
def test_a_quantity_is_what_kubernetes_means_by_it(text: str, amount: int) -> None:
    assert nanos(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-1",
        "1 Gi",
        "1gi",
        "Gi",
        "NaN",
        "inf",
        "1e",
        "1e999999999",
        "0x10",
        "\u0661",
        "9" * 60,
        "10E",
    ],
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        nanos(text)


@given(
    whole=st.integers(0, 10**6),
    fraction=st.text("0123456789", max_size=12),
    suffix=st.sampled_from(list(FACTORS)),
)
def test_nothing_is_lost_on_the_way(whole: int, fraction: str, suffix: str) -> None:
    exact = Decimal(f"{whole}.{fraction or 0}") * FACTORS[suffix] * NANO
    assert nanos(f"{whole}.{fraction}{suffix}") == int(exact.to_integral_value(ROUND_CEILING))


def test_volumes_are_rounded_up_and_the_rest_down() -> None:
    assert gibibytes(nanos("10Gi")) == 10
    assert gibibytes(nanos("10G")) == 10
    assert gibibytes(nanos("10241Mi")) == 11
    assert mebibytes(nanos("2047Ki")) == 1
    assert millicores(nanos("1999999n")) == 1
