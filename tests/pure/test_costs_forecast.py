"""The rest of a month is told from the days before, with an interval that holds; from too few days nothing is told."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.costs.forecasting import Forecast, TooLittle, forecast, quantile, unseen

FIRST = date(2026, 6, 1)  # a Monday


def days(*amounts: float, start: date = FIRST) -> dict[date, Decimal]:
    return {start + timedelta(days=place): Decimal(str(amount)) for place, amount in enumerate(amounts)}


def following(known: dict[date, Decimal], count: int) -> dict[date, Decimal]:
    return {max(known) + timedelta(days=number): Decimal(1) for number in range(1, count + 1)}


def told(known: dict[date, Decimal], ahead: dict[date, Decimal]) -> Forecast:
    found = forecast(known, ahead)
    assert isinstance(found, Forecast)
    return found


@pytest.mark.parametrize("count", range(7))
def test_from_less_than_a_week_nothing_is_told(count: int) -> None:
    known = days(*[10] * count)
    assert forecast(known, {FIRST + timedelta(days=20): Decimal(1)}) == TooLittle(count)


def test_days_that_are_all_alike_go_on_like_that() -> None:
    known = days(*[10] * 20)
    assert told(known, following(known, 10)).expected == 100


@pytest.mark.parametrize("count", [7, 11, 12, 20, 28, 40])
def test_however_steady_days_were_one_that_is_unlike_them_may_come(count: int) -> None:
    known = days(*[10] * count)
    found = told(known, following(known, 10))
    one_in = min(count, 28) + 2
    assert [round(amount, 9) for amount in (found.low, found.high)] == [
        round(100 + sign * Decimal(100) / one_in, 9) for sign in (-1, 1)
    ]


def test_the_less_is_to_come_the_less_is_unsure() -> None:
    known = days(*[10] * 20)
    widths = [told(known, following(known, count)) for count in range(1, 31)]
    amounts = [found.high - found.low for found in widths]
    assert amounts == sorted(amounts)
    assert amounts[0] < 1


def test_weekdays_are_told_apart_after_two_weeks() -> None:
    week = [10, 10, 10, 10, 10, 2, 2]
    known = days(*week * 3)
    found = told(known, following(known, 7))
    assert found.by_weekday
    amounts = [round(amount, 6) for amount in found.days.values()]
    assert amounts == [Decimal(amount) for amount in week]
    assert not told(days(*week), following(known, 7)).by_weekday


def test_only_the_last_seven_days_say_how_much_it_is_now() -> None:
    known = days(*[10] * 20, *[30] * 7)
    found = told(known, following(known, 7))
    assert Decimal(190) < found.expected < Decimal(230)


@pytest.mark.parametrize("slope", [1, -1])
def test_use_that_only_grows_or_only_falls_may_still_turn(slope: int) -> None:
    known = days(*(100 + slope * number for number in range(24)))
    found = told(known, following(known, 7))
    assert found.low < found.expected < found.high


def test_a_day_counts_by_what_is_still_to_come_of_it() -> None:
    known = days(*[8] * 10)
    ahead = {FIRST + timedelta(days=10): Decimal("0.25"), FIRST + timedelta(days=11): Decimal(1)}
    assert told(known, ahead).expected == 10


def test_what_is_long_past_says_nothing() -> None:
    old = days(*[1000] * 6, start=FIRST - timedelta(days=60))
    known = days(*[10] * 8)
    assert told({**old, **known}, following(known, 1)).expected == 10


@pytest.mark.parametrize("count", [7, 9, 12, 14, 20, 28])
def test_the_sum_lies_in_the_interval_four_times_out_of_five_from_the_first_week_on(count: int) -> None:
    dice = random.Random(4)
    held = 0
    for _ in range(400):
        known = days(*(max(0.0, dice.gauss(100, 15)) for _ in range(count)))
        ahead = following(known, 10)
        found = told(known, ahead)
        came = sum(max(0.0, dice.gauss(100, 15)) for _ in ahead)
        held += found.low <= Decimal(came) <= found.high
    assert 0.79 < held / 400 < 0.92


@settings(max_examples=80, deadline=None)
@given(st.lists(st.decimals(0, 10_000, places=2), min_size=7, max_size=40), st.integers(1, 31))
def test_the_interval_is_never_narrower_than_a_day_that_nobody_saw(
    amounts: list[Decimal], count: int
) -> None:
    known = {FIRST + timedelta(days=place): amount for place, amount in enumerate(amounts)}
    found = told(known, following(known, count))
    assert found.high - found.expected >= found.expected * unseen(found.known_days) * Decimal("0.999999")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.decimals(0, 10_000, places=2), min_size=7, max_size=40), st.integers(1, 31))
def test_the_expected_sum_lies_inside_and_nothing_is_negative(amounts: list[Decimal], count: int) -> None:
    known = {FIRST + timedelta(days=place): amount for place, amount in enumerate(amounts)}
    found = told(known, following(known, count))
    assert 0 <= found.low <= found.expected <= found.high
    assert all(amount >= 0 for amount in found.days.values())


def test_a_quantile_lies_between_two_values_in_proportion() -> None:
    values = [Decimal(value) for value in (0, 10, 20, 30)]
    assert quantile(values, Decimal(0)) == 0
    assert quantile(values, Decimal("0.5")) == 15
    assert quantile(values, Decimal(1)) == 30
