"""A window is open exactly when the clock on the wall says so, on every day, those on which it is set among them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.errors import Refused
from provisioner.rollouts.windows import (
    DAYS,
    Exclusion,
    Window,
    is_open,
    next_opening,
    parse_exclusion,
    parse_window,
)
from tests.work import refused

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
    "Pacific/Kiritimati", "Pacific/Pago_Pago",
)  # fmt: skip
# Around days on which clocks are set somewhere of these, and others.
STARTS = st.sampled_from(
    [datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC),
     datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]
)  # fmt: skip


@st.composite
def windows(draw: st.DrawFn) -> Window:
    begin = draw(st.integers(0, 1380))
    end = draw(st.integers(begin + 30, 1440))
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    return Window(tuple(sorted(days)), begin, end, draw(st.sampled_from(ZONES)))


def on_the_wall(window: Window, moment: datetime) -> bool:
    there = moment.astimezone(ZoneInfo(window.zone))
    return there.weekday() in window.days and window.begin <= there.hour * 60 + there.minute < window.end


@settings(max_examples=60, deadline=None)
@given(
    st.lists(windows(), min_size=1, max_size=3),
    STARTS,
    st.integers(0, 3 * 1440),
    st.integers(0, 2000),
    st.integers(1, 4000),
)
def test_the_next_opening_is_the_first_open_minute_and_ends_with_the_last(
    found: list[Window], day: datetime, later: int, shut_after: int, shut_for: int
) -> None:
    after = day + timedelta(minutes=later)
    shut = Exclusion(after + timedelta(minutes=shut_after), after + timedelta(minutes=shut_after + shut_for))

    def opened(moment: datetime) -> bool:
        return any(on_the_wall(one, moment) for one in found) and not shut.begin <= moment < shut.end

    opening = next_opening(found, [shut], after)
    assert opening is not None
    assert opened(opening.begin)
    minutes = int((opening.begin - after).total_seconds() // 60)
    assert not any(opened(after + timedelta(minutes=step)) for step in range(0, minutes, 7))
    if minutes:
        assert not opened(opening.begin - timedelta(minutes=1))
    if opening.end is not None:
        assert opened(opening.end - timedelta(seconds=1))
        assert not opened(opening.end)
    assert is_open(found, [shut], opening.begin)


def test_a_time_that_the_clock_skips_is_in_no_window_that_day() -> None:
    window = parse_window(days=["sun"], begin="02:00", end="02:45", zone="Europe/Berlin")
    opening = next_opening([window], [], datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert opening is not None
    assert opening.begin == datetime(
        2026, 4, 5, 0, 0, tzinfo=UTC
    )  # the 29th goes from 02:00 to 03:00 at once


def test_a_time_that_the_clock_shows_twice_is_in_its_window_twice() -> None:
    window = parse_window(days=["sun"], begin="02:15", end="02:45", zone="Europe/Berlin")
    first = next_opening([window], [], datetime(2026, 10, 25, 0, 0, tzinfo=UTC))
    assert first is not None
    assert (first.begin, first.end) == (
        datetime(2026, 10, 25, 0, 15, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 45, tzinfo=UTC),
    )
    assert first.end is not None
    second = next_opening([window], [], first.end)
    assert second is not None
    assert second.begin == datetime(2026, 10, 25, 1, 15, tzinfo=UTC)


def test_without_a_window_it_is_open_until_the_next_exclusion_and_behind_it() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    shut = parse_exclusion(begin=now + timedelta(days=1), end=now + timedelta(days=3))
    opening = next_opening([], [shut], now)
    assert opening is not None
    assert (opening.begin, opening.end, opening.excluded) == (now, shut.begin, False)
    held = next_opening([], [shut], shut.begin)
    assert held is not None
    assert (held.begin, held.excluded) == (shut.end, True)


def test_what_is_no_window_is_refused_with_the_fix() -> None:
    fine = {"days": ["mon"], "begin": "22:00", "end": "23:00", "zone": "UTC"}
    for change, code in (
        ({"end": "02:00"}, "window_end_before_begin"),
        ({"end": "22:10"}, "window_too_short"),
        ({"days": ["monday"]}, "window_days"),
        ({"days": []}, "window_days"),
        ({"begin": "25:00"}, "window_time"),
        ({"begin": "0\u0662:00"}, "window_time"),
        ({"begin": "02:00\n"}, "window_time"),
        ({"zone": "Europe/Berln"}, "window_zone"),
    ):
        with refused(code):
            parse_window(**{**fine, **change})  # type: ignore[arg-type]
    now = datetime(2026, 5, 1, tzinfo=UTC)
    for end, code in (
        (now, "exclusion_end_before_begin"),
        (now + timedelta(days=31), "exclusion_too_long"),
    ):
        with pytest.raises(Refused) as refusal:
            parse_exclusion(begin=now, end=end)
        assert [(one.code, one.field) for one in refusal.value.errors] == [(code, "ends_at")]
    assert DAYS[0] == "mon"


@pytest.mark.parametrize("begin", ["00:00", "02:00", "23:00", "23:45"])
@pytest.mark.parametrize("end", ["00:00", "00:10", "02:00"])
def test_what_is_advised_for_a_window_across_midnight_is_taken(begin: str, end: str) -> None:
    week: dict[str, Any] = {"days": ["mon"], "zone": "UTC"}
    if begin < end:
        return
    with pytest.raises(Refused) as refusal:
        parse_window(begin=begin, end=end, **week)
    advised = re.findall(r"(\d\d:\d\d) to (\d\d:\d\d)", refusal.value.detail)
    assert [parse_window(begin=one, end=two, **week).begin for one, two in advised]
    assert len(advised) == (1 if end == "00:00" else 2)
    assert advised[0][1] == "24:00"
