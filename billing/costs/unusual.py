"""Whether a runtime's day is out of its own ordinary, and which meter moved. Pure.

A day is held against its own weekday, four of the last eight weeks at least, else against seven days of its kind (working day,
weekend) of the last four weeks; with fewer nothing is said. Ordinary is the median, and its spread the median distance from it:
one odd day in the past does not move either. All days are valued at the same prices, so only use can make a day unusual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import NamedTuple

WEEKDAYS, WEEKS = 4, 8
OF_ITS_KIND, KIND_DAYS = 7, 28
FRIDAY = 4
WIDE = Decimal(
    "3.5"
)  # spreads from the median: the usual bound of the robust score (Iglewicz and Hoaglin, 1993)
NORMAL = Decimal("1.4826")  # makes the median distance of normal days their standard deviation
FLATTEST = Decimal("0.05")  # of the median: a runtime that never changes has no spread of its own
LEAST = Decimal("0.2")  # of the median: whatever the spread, less is not worth a look
KNOWN = Decimal("0.9")  # of a day's time, before less of it may be called a fall
ZERO = Decimal(0)
Meters = Mapping[tuple[str, str], Decimal]  # {(meter, dimension): worth}


class Day(NamedTuple):
    """What a runtime's day was worth, and how much of its time is known."""

    day: date
    worth: Meters
    known: Decimal  # share of the time it lived, 0 to 1
    whole: bool = True  # it lived all day

    @property
    def total(self) -> Decimal:
        """All meters together."""
        return sum(self.worth.values(), ZERO)


class Moved(NamedTuple):
    """One meter: what it was worth, and what it is worth on an ordinary day."""

    meter: str
    dimension: str
    worth: Decimal
    usual: Decimal

    @property
    def change(self) -> Decimal:
        """More than usual; less is negative."""
        return self.worth - self.usual


class Unusual(NamedTuple):
    """A day out of the ordinary; `moved` holds the meters that explain it, the largest change first."""

    worth: Decimal
    usual: Decimal
    score: Decimal
    compared: int
    same_weekday: bool
    moved: tuple[Moved, ...]


def judge(day: Day, history: Sequence[Day], *, minimum: Decimal) -> Unusual | None:
    """Return what is unusual about a day, or None; a change of less than `minimum` never is."""
    compared, same_weekday = _comparable(day, history)
    if not compared or not day.whole:
        return None
    totals = [past.total for past in compared]
    usual = median(totals)
    spread = NORMAL * median(abs(total - usual) for total in totals)
    spread = max(spread, FLATTEST * usual, Decimal("0.000001"))
    change = day.total - usual
    if abs(change) < max(minimum, LEAST * usual) or abs(change) / spread <= WIDE:
        return None
    if change < 0 and day.known < KNOWN:
        return None  # less was seen, so less may have been there
    return Unusual(day.total, usual, change / spread, len(compared), same_weekday, _moved(day, compared))


def _comparable(day: Day, history: Sequence[Day]) -> tuple[list[Day], bool]:
    past = [row for row in history if row.day < day.day and row.whole and row.known >= KNOWN]
    since = day.day - timedelta(weeks=WEEKS)
    same = [row for row in past if row.day >= since and row.day.weekday() == day.day.weekday()]
    if len(same) >= WEEKDAYS:
        return same, True
    since = day.day - timedelta(days=KIND_DAYS)
    weekend = day.day.weekday() > FRIDAY
    alike = [row for row in past if row.day >= since and (row.day.weekday() > FRIDAY) == weekend]
    return (alike, False) if len(alike) >= OF_ITS_KIND else ([], False)


def _moved(day: Day, compared: Sequence[Day]) -> tuple[Moved, ...]:
    keys = {key for row in (day, *compared) for key in row.worth}
    found = [
        Moved(*key, day.worth.get(key, ZERO), median([row.worth.get(key, ZERO) for row in compared]))
        for key in keys
    ]
    ranked = sorted(found, key=lambda one: (-abs(one.change), one.meter, one.dimension))
    whole = sum((abs(one.change) for one in ranked), ZERO)
    return tuple(one for one in ranked[:3] if abs(one.change) * 10 >= whole)
