"""Days, months and moments are read one way everywhere; what is none is none, whatever it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.kernel.dates import end_of, read_day, read_moment, read_month


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-02-30",
        "2026-1-1",
        "20260131",
        "2026-W01-1",
        "\uff12026-01-01",
        "0001-01-01",
        "9999-12-31",
        "2026-01-31\n",
    ],
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert read_day(text) is None


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "2026-10-01", "June", "2026-00"])
def test_what_is_no_month_is_none(text: str) -> None:
    assert read_month(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-31", "2026-01-31T10:00:00", "2026-01-31T25:00:00Z", "0001-01-01T00:00:00+23:59", "noon"],
)
def test_what_is_no_moment_with_a_zone_is_none(text: str) -> None:
    assert read_moment(text) is None


@given(st.dates(date(1970, 1, 1), date(9000, 12, 31)))
def test_what_is_written_is_read_back(day: date) -> None:
    assert read_day(day.isoformat()) == day
    assert read_month(f"{day:%Y-%m}".zfill(7)) == day.replace(day=1)
    assert end_of(day) + timedelta(seconds=1) == datetime.combine(day, datetime.min.time(), UTC) + timedelta(
        days=1
    )


def test_a_moment_of_any_zone_is_read_in_utc() -> None:
    assert read_moment("2026-10-25T02:30:00+02:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    found = read_moment("2026-10-25T02:30:00+05:30")
    assert found is not None
    assert found.utcoffset() == timedelta(0)
