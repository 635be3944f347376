"""Rating agrees to the cent with a brute-force oracle over random months."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.pricing.rating import rate
from billing.pricing.types import UsageItem
from tests.priced import JUNE, METERS
from tests.pricing_histories import history
from tests.pricing_oracle import Key, oracle


def billed(items: list[UsageItem], terms: Any) -> dict[Key, int]:
    found: dict[Key, int] = defaultdict(int)
    rated = rate(items, terms)
    assert not rated.problems
    for entry in rated.lines:
        found[entry.account, entry.runtime, entry.meter, entry.book_version] += int(entry.billed_cost * 100)
    assert sum(found.values()) == int(rated.billed * 100)
    return found


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_random_month_is_rated_as_the_oracle_rates_it(seed: int) -> None:
    made = history(Random(seed))
    expected = oracle(made.items, made.stages, made.per_unit, discount=made.discount, rate=made.rate)
    found = billed(made.items, made.terms)
    assert {key: cost for key, cost in found.items() if cost} == {
        key: cost for key, cost in expected.items() if cost
    }


def test_the_oracle_would_see_a_cent() -> None:
    made = history(Random(7))
    first = made.items[0]
    moved = [first._replace(quantity=first.quantity + 100 * METERS[first.meter].per_unit), *made.items[1:]]
    expected = oracle(made.items, made.stages, made.per_unit, discount=made.discount, rate=made.rate)
    assert billed(moved, made.terms) != expected
    assert made.stages[-1][0] == JUNE.end > JUNE.start + timedelta(days=29)
