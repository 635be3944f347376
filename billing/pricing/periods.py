"""Half-open stretches of time in UTC. A local calendar only shows them, so no change of clocks touches what is billed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple


class Period(NamedTuple):
    """From `start` until just before `end`."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """How long it is; usage and prices begin on whole seconds."""
        return seconds_between(self.start, self.end)

    def cut(self, moments: Iterable[datetime]) -> list[Period]:
        """Cut it at the moments that lie inside; the pieces are in order and leave nothing out."""
        inside = sorted({moment for moment in moments if self.start < moment < self.end})
        edges = [self.start, *inside, self.end]
        return [Period(start, end) for start, end in pairwise(edges)]


def seconds_between(start: datetime, end: datetime) -> int:
    """Return the whole seconds from one moment until another."""
    return (end - start) // timedelta(seconds=1)


def month(year: int, number: int) -> Period:
    """Return a calendar month in UTC: 28 to 31 days of 86,400 seconds."""
    start = datetime(year, number, 1, tzinfo=UTC)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return Period(start, following)


def month_of(moment: datetime) -> Period:
    """Return the month in UTC that a moment lies in; raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; give it one, such as Z.")
    utc = moment.astimezone(UTC)
    return month(utc.year, utc.month)
