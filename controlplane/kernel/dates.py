"""Days, months and moments as people and programs write them; each reader answers None for what is none.

Years outside of 1970 to 9000 are none: PostgreSQL and Python count them, but a day more or a zone less may end their calendar.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

FIRST_YEAR, LAST_YEAR = 1970, 9000
_DAY, _MONTH = (re.compile(form, re.ASCII) for form in (r"\d{4}-\d\d-\d\d", r"\d{4}-\d\d"))


def read_day(text: str) -> date | None:
    """Read a day written 2026-10-31."""
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return found if found and FIRST_YEAR <= found.year <= LAST_YEAR else None


def read_month(text: str) -> date | None:
    """Read a month written 2026-10; answers its first day."""
    return read_day(f"{text}-01") if _MONTH.fullmatch(text) else None


def read_moment(text: str) -> datetime | None:
    """Read a time with its zone, written 2026-10-31T23:00:00Z; answers it in UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        return None
    return found.astimezone(UTC)  # PostgreSQL knows no zone as odd as ISO 8601 allows


def end_of(day: date) -> datetime:
    """Return the last second of a day of UTC."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)
