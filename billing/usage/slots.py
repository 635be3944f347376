"""The grid of time: slots, hours and days of UTC, and moments as PostgreSQL counts them. Pure.

Everything is half open; an hour holds a whole number of slots.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MICRO = 1_000_000
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's


def micros(moment: datetime) -> int:
    """Return the microseconds since PostgreSQL's epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(count: int) -> datetime:
    """Return the moment that so many microseconds since PostgreSQL's epoch are."""
    return EPOCH + timedelta(microseconds=count)


def floor(moment: datetime, seconds: int) -> datetime:
    """Return the beginning of the slot of `seconds` that holds a moment."""
    return moment_of(micros(moment) // (seconds * MICRO) * (seconds * MICRO))


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour of UTC that holds a moment."""
    return floor(moment, 3600)


def day_of(moment: datetime) -> date:
    """Return the day of UTC that holds a moment."""
    return moment.astimezone(UTC).date()


def start_of(day: date) -> datetime:
    """Return the first moment of a day of UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def month_of(day: date) -> date:
    """Return the first day of the month that holds a day."""
    return day.replace(day=1)


def month_before(day: date) -> date:
    """Return the first day of the month before the one that holds a day."""
    return (day.replace(day=1) - DAY).replace(day=1)
