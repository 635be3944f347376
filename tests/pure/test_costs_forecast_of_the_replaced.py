"""A runtime made anew goes on under its new name; what others do, in this account or another, brings nobody back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.costs.months import Life
from billing.costs.projecting import Before, Expected, outlook_of
from billing.pricing.rating import rate
from billing.pricing.types import Segment, UsageItem
from tests.pure.test_costs_projecting import DAY, DAY_SECONDS, NOVEMBER, book, days_of, so_far, terms, told

HELD = terms(Segment(*NOVEMBER, book(vcpu={"rule": "per_unit", "price": "0.1"})))
HOUR, CORE_DAY = timedelta(hours=1), Decimal("2.4")
ROUNDED = Decimal("0.05")  # a line is off by half a cent at most, and no case here has ten
LONG_AGO, FIRST = NOVEMBER.start - 28 * DAY, NOVEMBER.start.date()
Part = tuple[str, str, int, datetime, datetime]  # account, runtime, cores, born, ended


def at(day: int, hours: int = 0) -> datetime:
    return NOVEMBER.start + (day - 1) * DAY + hours * HOUR


def cores(account: str, runtime: str, count: int, born: datetime, ended: datetime = NOVEMBER.end) -> Part:
    return account, runtime, count, born, ended


def asked(parts: Sequence[Part], now: datetime) -> tuple[Expected, dict[str, Decimal]]:
    """What is forecast, and what each account will really have spent."""
    items: list[UsageItem] = []
    lives: list[Life] = []
    really: list[UsageItem] = []
    for account, runtime, count, born, ended in parts:
        use = [(account, runtime, "vcpu", "", count * 1000)]
        for start, end in ((born, min(ended, NOVEMBER.start)), (max(born, NOVEMBER.start), min(ended, now))):
            used, lived = days_of(use, start, end)
            items, lives = [*items, *used], [*lives, *lived]
        really += days_of(use, max(born, NOVEMBER.start), ended)[0]
    before = Before(
        tuple(item for item in items if item.start < NOVEMBER.start),
        tuple(life for life in lives if life.day < FIRST),
    )
    spent = [item for item in items if item.start >= NOVEMBER.start]
    found = outlook_of(*so_far(HELD, spent, [life for life in lives if life.day >= FIRST], now), before, now)
    sums = {part[0]: Decimal(0) for part in parts}
    for line in rate(really, HELD).lines:
        sums[line.account] += line.billed_cost
    return told(found), sums


@pytest.mark.parametrize("day", [21, 22, 23, 26, 29])
def test_one_that_is_born_in_another_account_brings_nobody_back(day: int) -> None:
    gone = cores("shop", "big", 40, LONG_AGO, at(20, 12))
    found, really = asked([gone, cores("lab", "tiny", 1, at(20, 13))], at(day, 1))
    assert found.accounts["shop"] == (really["shop"],) * 3
    assert found.accounts["lab"][0] <= really["lab"] * Decimal("1.05")


@pytest.mark.parametrize("day", [21, 22, 24, 27])
def test_one_that_was_replaced_once_does_not_bring_others_back(day: int) -> None:
    parts = [
        cores("shop", "x", 1, LONG_AGO, at(3, 12)),
        cores("shop", "y", 1, at(3, 12)),
        cores("shop", "big", 40, LONG_AGO, at(20, 12)),
        cores("lab", "steady", 1, LONG_AGO),
    ]
    found, really = asked(parts, at(day, 1))
    assert {account: amounts[0] for account, amounts in found.accounts.items()} == really


@pytest.mark.parametrize("day", [16, 17, 19, 22])
@pytest.mark.parametrize(("old", "new"), [(40, 1), (1, 40)])
def test_a_replacement_of_another_size_changes_no_other_account(old: int, new: int, day: int) -> None:
    parts = [
        cores("shop", "old", old, LONG_AGO, at(15, 12)),
        cores("shop", "new", new, at(15, 12)),
        cores("lab", "steady", 1, LONG_AGO),
    ]
    found, really = asked(parts, at(day, 1))
    least, most = sorted([Decimal(old), Decimal(new)])
    assert abs(found.accounts["lab"][0] - really["lab"]) <= ROUNDED
    to_come = (found.accounts["shop"][0] - told_of(parts, at(day, 1))) / (
        CORE_DAY * (30 - day + 1) - CORE_DAY / 24
    )
    assert least <= round(to_come, 2) <= most  # never both together


def told_of(parts: Sequence[Part], now: datetime) -> Decimal:
    """What the shop has spent until now."""
    return sum(
        count
        * CORE_DAY
        * Decimal((min(ended, now) - max(born, NOVEMBER.start)).total_seconds())
        / DAY_SECONDS
        for account, _, count, born, ended in parts
        if account == "shop"
    ) or Decimal(0)


@pytest.mark.parametrize("days", [2, 3, 4, 6])
@pytest.mark.parametrize("later", [1, 3])
def test_one_that_was_replaced_soon_again_is_forecast_as_it_was(days: int, later: int) -> None:
    first, second = at(10, 12), at(10 + days, 12)
    parts = [
        cores("shop", "old", 10, LONG_AGO, first),
        cores("shop", "trial", 10, first, second),
        cores("shop", "new", 10, second),
    ]
    found, really = asked(parts, at(10 + days + later))
    assert abs(found.expected - really["shop"]) <= ROUNDED


@pytest.mark.parametrize("later", [2, 4, 6, 10])
@pytest.mark.parametrize(
    ("born", "ended"), [(at(12, 9), at(13, 9)), (at(10, 9), at(10, 22)), (at(11), at(12, 6))]
)
def test_something_small_tried_beside_a_replacement_takes_nothing_from_it(
    born: datetime, ended: datetime, later: int
) -> None:
    parts = [
        cores("shop", "old", 10, LONG_AGO, at(10, 12)),
        cores("shop", "new", 10, at(10, 12)),
        cores("shop", "trial", 1, born, ended),
    ]
    found, really = asked(parts, max(at(10 + later), ended + DAY))
    assert abs(found.expected - really["shop"]) <= really["shop"] / 50


def test_two_in_a_row_that_were_replaced_soon_again_stood_in() -> None:
    ends = [at(10, 12), at(13, 12), at(14, 12)]
    parts = [
        cores("shop", "old", 10, LONG_AGO, ends[0]),
        cores("shop", "first", 10, ends[0], ends[1]),
        cores("shop", "second", 10, ends[1], ends[2]),
        cores("shop", "new", 10, ends[2]),
    ]
    for day in (16, 18):
        found, really = asked(parts, at(day))
        assert abs(found.expected - really["shop"]) <= ROUNDED


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 200), st.integers(1, 200), st.integers(2, 29), st.integers(1, DAY_SECONDS - 1), st.integers(1, 20),
    st.booleans(),
)  # fmt: skip
def test_a_runtime_made_anew_once_costs_what_was_forecast_on_any_later_day(
    level: int, other: int, day: int, second: int, later: int, shared: bool
) -> None:
    change, now = at(day) + timedelta(seconds=second), min(at(day) + later * DAY, NOVEMBER.end - DAY)
    parts = [
        cores("shop", "old", level, LONG_AGO, change),
        cores("shop", "new", level, change),
        cores("shop" if shared else "lab", "steady", other, LONG_AGO),
    ]
    if now < change:
        now = at(day) + DAY
    found, really = asked(parts, now)
    for account, amount in really.items():
        assert abs(found.accounts[account][0] - amount) <= ROUNDED
    assert found.low <= found.expected <= found.high


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 200), st.integers(1, 200), st.integers(1, 200), st.integers(3, 26),
    st.integers(HOUR.seconds, DAY_SECONDS - HOUR.seconds - 1), st.integers(1, 4),
)  # fmt: skip
def test_what_is_steady_costs_what_was_forecast_whatever_ends_and_begins_beside_it(
    big: int, tiny: int, steady: int, day: int, second: int, later: int
) -> None:
    change = at(day) + timedelta(seconds=second)
    parts = [
        cores("shop", "gone", big, LONG_AGO, change),
        cores("mill", "born", tiny, change),
        cores("lab", "steady", steady, LONG_AGO),
    ]
    found, really = asked(parts, at(day + later))
    assert abs(found.accounts["lab"][0] - really["lab"]) <= ROUNDED
    assert found.accounts["shop"] == (really["shop"],) * 3
    assert found.accounts["mill"][0] <= really["mill"] + ROUNDED


@pytest.mark.parametrize("day", [15, 16, 20, 25])
def test_a_runtime_that_moved_goes_on_in_the_account_it_moved_to(day: int) -> None:
    moved = at(14, 12)
    parts = [cores("shop", "one", 10, LONG_AGO, moved), cores("lab", "one", 10, moved)]
    found, really = asked(parts, at(day, 1))
    assert {account: amounts[0] for account, amounts in found.accounts.items()} == really


@pytest.mark.parametrize("day", [16, 17, 22, 23])  # Monday, Tuesday, Sunday, Monday
def test_clusters_of_working_days_are_forecast_beside_another_account(day: int) -> None:
    mornings = [at(number, 6) for number in range(-26, 31) if at(number).weekday() < 5]
    parts = [cores("shop", f"r{born.date()}", 10, born, born + 12 * HOUR) for born in mornings]
    steady = cores("lab", "steady", 1, LONG_AGO)
    found, _ = asked([*(part for part in parts if part[3] < at(day, 1)), steady], at(day, 1))
    _, really = asked([*parts, steady], at(30))
    assert abs(found.accounts["shop"][0] - really["shop"]) <= 1
    assert abs(found.accounts["lab"][0] - really["lab"]) <= ROUNDED
