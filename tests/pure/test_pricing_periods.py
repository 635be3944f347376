"""Months are UTC's and half-open; no clock change makes one longer or shorter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.periods import Period, month, month_of


@pytest.mark.parametrize(
    ("year", "number", "days"), [(2024, 2, 29), (2026, 2, 28), (2100, 2, 28), (2026, 12, 31), (2026, 4, 30)]
)
def test_a_month_has_its_days_of_86_400_seconds(year: int, number: int, days: int) -> None:
    assert month(year, number).seconds == days * 86_400


@pytest.mark.parametrize("number", [3, 10])
def test_a_month_in_which_clocks_change_is_as_long_as_any(number: int) -> None:
    local = datetime(2026, number, 31, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert month_of(local).seconds == 31 * 86_400


def test_a_moment_belongs_to_the_month_of_utc() -> None:
    new_year_in_auckland = datetime(2027, 1, 1, 5, tzinfo=timezone(timedelta(hours=13)))
    assert month_of(new_year_in_auckland) == month(2026, 12)


def test_a_moment_without_a_time_zone_belongs_nowhere() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        month_of(datetime(2026, 6, 1))  # noqa: DTZ001


@given(st.lists(st.integers(-10, 400), max_size=8))
def test_a_cut_leaves_nothing_out_and_nothing_twice(hours: list[int]) -> None:
    whole = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC))
    pieces = whole.cut(whole.start + timedelta(hours=hour) for hour in hours)
    assert pieces[0].start == whole.start
    assert pieces[-1].end == whole.end
    assert all(earlier.end == later.start for earlier, later in pairwise(pieces))
    assert sum(piece.seconds for piece in pieces) == whole.seconds
