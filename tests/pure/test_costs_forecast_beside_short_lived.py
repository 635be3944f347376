"""Where runtimes come and go, one that lived for weeks and ended is gone, and another that came in its place still counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.costs.living import HABIT, Living, living
from billing.costs.months import Known, Life
from tests.pure.test_costs_forecast_of_the_replaced import LONG_AGO, Part, asked, at, cores
from tests.pure.test_costs_projecting import DAY_SECONDS

ENDED = 20  # the day of November the big one ends on, at noon
TENTH = Decimal("0.1")


def come_and_go(*, nights: int, each_day: Sequence[int] = (3,), until: int = 30) -> list[Part]:
    """Small ones born every morning, so many by turns, that live into the afternoon some nights later."""
    return [
        cores("shop", f"s{day}-{place}", 1, at(day, 7), min(at(day + nights, 15), at(30, 24)))
        for day in range(-27, until)
        for place in range(each_day[day % len(each_day)])
    ]


@pytest.mark.parametrize("day", [ENDED + 1, ENDED + 2, ENDED + 3, ENDED + 5, ENDED + 8])
@pytest.mark.parametrize("each_day", [(3,), (2, 5, 3), (0, 1), (4, 0, 0)])
@pytest.mark.parametrize("nights", [0, 1, 2])
@pytest.mark.parametrize("since", [LONG_AGO, at(1, 7)], ids=["a month", "weeks"])
def test_one_that_ended_for_good_is_gone_the_day_after(
    since: datetime, nights: int, each_day: Sequence[int], day: int
) -> None:
    big = cores("shop", "big", 100, since, at(ENDED, 12))
    steady = cores("shop", "steady", 10, LONG_AGO)
    parts = [big, steady, *come_and_go(nights=nights, each_day=each_day)]
    found, _ = asked([part for part in parts if part[3] < at(day, 1)], at(day, 1))
    _, really = asked(parts, at(30))
    assert abs(found.accounts["shop"][0] - really["shop"]) <= really["shop"] * TENTH


@pytest.mark.parametrize("day", [ENDED + 2, ENDED + 3, ENDED + 5, ENDED + 8])
@pytest.mark.parametrize("each_day", [(3,), (2, 5, 3), (0, 1)])
@pytest.mark.parametrize("nights", [0, 1])
def test_one_that_was_replaced_goes_on_a_day_later(nights: int, each_day: Sequence[int], day: int) -> None:
    parts = [
        cores("shop", "old", 100, LONG_AGO, at(ENDED, 12)),
        cores("shop", "new", 100, at(ENDED, 12)),
        *come_and_go(nights=nights, each_day=each_day),
    ]
    found, _ = asked([part for part in parts if part[3] < at(day, 1)], at(day, 1))
    _, really = asked(parts, at(30))
    assert abs(found.accounts["shop"][0] - really["shop"]) <= really["shop"] * TENTH


def lived(runtime: str, first: int, last: int, *, ends: bool = True) -> list[Life]:
    """Its days, the first a half one, and the last where it ends."""
    whole = Known(DAY_SECONDS)
    days = {day: Life(date(2026, 11, day), "shop", runtime, whole) for day in range(first, last + 1)}
    for day in (first, last) if ends else (first,):
        days[day] = days[day]._replace(known=Known(DAY_SECONDS // 2))
    return list(days.values())


def on(day: int, *parts: Sequence[Life]) -> Living:
    """Who counts on a day, of what was known then."""
    known = [life for part in parts for life in part if life.day.day < day]
    return living(known, today=date(2026, 11, day))


def short_lived(births: Sequence[int], nights: int) -> list[Life]:
    return [
        life
        for number, count in enumerate([1] * HABIT + list(births))
        for place in range(count)
        for life in lived(f"s{number}-{place}", number + 2, min(number + 2 + nights, 30))
    ]


BIRTHS = st.lists(st.integers(0, 4), min_size=25, max_size=25)


@settings(max_examples=150, deadline=None)
@given(BIRTHS, st.integers(0, 2), st.integers(1, 4), st.integers(16, 22), st.integers(1, 8))
def test_whatever_comes_and_goes_brings_nobody_back(
    births: Sequence[int], nights: int, born: int, ended: int, later: int
) -> None:
    steady = lived("steady", 1, 30, ends=False)
    found = on(ended + later, lived("big", born, ended), steady, short_lived(births, nights))
    assert "big" not in found.counted


@settings(max_examples=150, deadline=None)
@given(
    BIRTHS, st.integers(0, 1), st.integers(1, 4), st.integers(16, 21), st.integers(-1, 2), st.integers(2, 7)
)
def test_whatever_comes_and_goes_takes_no_heir_away(
    births: Sequence[int], nights: int, born: int, ended: int, gap: int, later: int
) -> None:
    new = lived("new", ended + gap, 30, ends=False)
    steady = lived("steady", 1, 30, ends=False)
    found = on(
        max(ended, ended + gap) + later, lived("big", born, ended), new, steady, short_lived(births, nights)
    )
    assert "big" in found.replaced


@pytest.mark.parametrize("number", range(HABIT + 1))
def test_fewer_than_a_habit_of_short_ones_keep_nobody_waiting(number: int) -> None:
    tries = [life for place in range(number) for life in lived(f"try{place}", 5 + place, 8 + place)]
    parts = [lived("old", 1, 20), lived("new", 20, 30, ends=False), tries]
    assert ("old" in on(21, *parts).replaced) is (number < HABIT)
    assert ("old" in on(23, *parts).replaced) is (number < HABIT)
    assert "old" in on(24, *parts).replaced


def test_one_that_lived_for_days_among_those_of_one_is_not_of_their_row() -> None:
    row = [life for day in range(2, 25) for life in lived(f"s{day}", day, day)]
    assert "big" not in on(21, lived("steady", 1, 30, ends=False), row, lived("big", 9, 20)).counted
