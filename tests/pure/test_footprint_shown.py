"""What a page shows of a footprint's money adds up to the whole that it shows, to the cent."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.footprint.reading import Footprint
from controlplane.console.presenters.footprint import measures, values

MONEY = measures("EUR", priced=True)["money"]


def footprint(*parts: int) -> Footprint:
    names = ("workload", "platform", "reserve", "idle")
    sums = {f"cost_{name}": part for name, part in zip(names, parts, strict=True)}
    return Footprint(sums, "EUR", 30, regions_known=True, use_known=True)


def shown(amount: float) -> Decimal:
    return Decimal(MONEY.write(amount).removesuffix(" EUR").replace(",", ""))


@given(st.lists(st.integers(0, 10**13), min_size=4, max_size=4))
def test_the_parts_add_up_to_the_whole(parts: list[int]) -> None:
    assume(sum(parts) >= MONEY.unit)
    found = values(footprint(*parts), MONEY, 0)
    assert sum(map(shown, found)) == shown(sum(found))
    assert abs(shown(sum(found)) - Decimal(sum(parts)) / 10**6) <= Decimal("0.005")
    for part, value in zip(parts, found, strict=True):
        assert abs(Decimal(part) / 10**6 - shown(value)) < Decimal("0.02")


def test_a_part_gives_up_a_cent_that_it_would_have_alone() -> None:
    parts = (
        3_823_328_000,
        3_823_328_000,
        3_823_328_000,
        3_823_336_000,
    )  # 15,293.32, and one more if each is rounded
    assert MONEY.write(3823.336) == "3,823.34 EUR"
    assert [MONEY.write(value) for value in values(footprint(*parts), MONEY, 0)] == ["3,823.33 EUR"] * 4


def test_of_a_few_cents_no_part_is_lost() -> None:
    assert values(footprint(6_000, 3_900, 2_000, 2_000), MONEY, 0) == [0.006, 0.0039, 0.002, 0.002]
