"""A quantity says what it counts, and how many of its meter's units it is."""

from __future__ import annotations

import pytest

from billing.exports.units import in_units


@pytest.mark.parametrize(
    ("meter", "quantity", "words"),
    [
        ("vcpu", 864_000_000, ("millicores x seconds", "240", "Core-Hours")),
        ("block_storage", 5_400, ("GiB x seconds", "1.5", "GiB-Hours")),
        ("egress", 3 * 2**29, ("bytes", "1.5", "GiB")),
        ("vcpu", 0, ("millicores x seconds", "0", "Core-Hours")),
        ("long_gone", 7, ("", "", "")),
    ],
)
def test_it_says_what_it_counts(meter: str, quantity: int, words: tuple[str, str, str]) -> None:
    assert tuple(in_units(meter, quantity).values()) == words
