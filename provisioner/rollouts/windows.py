"""When a runtime may be upgraded: weekly windows in a time zone, minus exclusions. Pure.

A moment lies in a window when the clock on the wall there shows a time from `begin` up to `end` on one of its days. So a change
to or from daylight saving time needs no rule of its own: a time that the clock skips is in no window, one that it shows twice is
in it twice (the tz database by zoneinfo, PEP 615).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = timedelta(days=400)  # a window that does not open in more than a year never does
SHORTEST = timedelta(minutes=30)
LONGEST_EXCLUSION = timedelta(days=30)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")


@dataclass(frozen=True)
class Window:
    """Certain days of the week, from `begin` up to `end` (minutes after midnight, at most 1440), on the wall of `zone`."""

    days: tuple[int, ...]  # 0: Monday
    begin: int
    end: int
    zone: str

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies inside."""
        there = moment.astimezone(_zone(self.zone))
        return there.weekday() in self.days and self.begin <= there.hour * 60 + there.minute < self.end


@dataclass(frozen=True)
class Exclusion:
    """From one moment up to another nothing is upgraded."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Opening:
    """A span in which an upgrade may begin; `excluded` when an exclusion was what the next one had to wait for."""

    begin: datetime
    end: datetime | None  # None: open end
    excluded: bool = False


def parse_window(*, days: Sequence[str], begin: str, end: str, zone: str) -> Window:
    """Return the window; raises Refused window_days, window_time, window_end_before_begin, window_too_short, window_zone."""
    if not days or not set(days) <= set(DAYS):
        wrong = next((day for day in days if day not in DAYS), "")
        words = (
            f"{shown(wrong)} is no day of the week. {choices(DAYS, wrong)}"
            if wrong
            else "Name at least one day of the week."
        )
        raise Refused("window_days", words, field="days")
    first, last = _minutes(begin, "begin"), 1440 if end == "24:00" else _minutes(end, "end")
    if last <= first:
        raise Refused("window_end_before_begin", _across_midnight(begin, end, first, last), field="end")
    if timedelta(minutes=last - first) < SHORTEST:
        raise Refused("window_too_short", "A window is at least 30 minutes long.", field="end")
    if zone not in available_timezones():
        near = choices(sorted(available_timezones()), zone).split("?")[0] + "?"
        hint = f"{near} " if near.startswith("Did") else ""
        raise Refused(
            "window_zone",
            f"There is no time zone {shown(zone)}. {hint}Write one such as Europe/Berlin or UTC.",
            field="time_zone",
        )
    return Window(tuple(sorted({DAYS.index(day) for day in days})), first, last, zone)


def parse_exclusion(*, begin: datetime, end: datetime) -> Exclusion:
    """Return the exclusion; raises Refused exclusion_end_before_begin, exclusion_too_long."""
    if end <= begin:
        raise Refused(
            "exclusion_end_before_begin", "The exclusion ends before it begins; swap them.", field="ends_at"
        )
    if end - begin > LONGEST_EXCLUSION:
        detail = f"An exclusion lasts at most {LONGEST_EXCLUSION.days} days; choose an earlier end."
        raise Refused("exclusion_too_long", detail, field="ends_at")
    return Exclusion(begin.astimezone(UTC), end.astimezone(UTC))


def next_opening(
    windows: Sequence[Window], exclusions: Sequence[Exclusion], after: datetime
) -> Opening | None:
    """Return the span that is open at `after` (its begin is `after` then) or the next one; None when there is none for a year."""
    after = after.astimezone(UTC)
    shut = sorted((exclusion for exclusion in exclusions if exclusion.end > after), key=lambda one: one.begin)
    excluded = False
    for begin, end in _spans(windows, after):
        start = max(begin, after)
        for exclusion in shut:
            if exclusion.begin <= start < exclusion.end:
                start, excluded = exclusion.end, True
        if end is None or start < end:
            closes = [exclusion.begin for exclusion in shut if exclusion.begin > start]
            until = min([*closes, *([end] if end else [])], default=None)
            return Opening(start, until, excluded)
    return None


def is_open(windows: Sequence[Window], exclusions: Sequence[Exclusion], moment: datetime) -> bool:
    """Whether an upgrade may begin at the moment."""
    return not any(e.begin <= moment < e.end for e in exclusions) and (
        not windows or any(window.holds(moment) for window in windows)
    )


def _spans(windows: Sequence[Window], after: datetime) -> Iterator[tuple[datetime, datetime | None]]:
    """Yield the merged spans of all windows in order, from the one that is open at `after` on."""
    if not windows:
        yield after, None
        return
    day, last = after.date() - timedelta(days=1), (after + HORIZON).date()
    coming: list[tuple[datetime, datetime]] = []
    held: tuple[datetime, datetime] | None = None
    while day <= last:
        for window in windows:
            for span in _spans_of_day(window, day):
                heappush(coming, span)
        day += timedelta(days=1)
        # The first midnight of a day, anywhere, is 14 hours before that of UTC: what later days bring begins behind it.
        settled = datetime.combine(day, time(), UTC) - timedelta(hours=14)
        while coming and coming[0][0] < settled:
            begin, end = heappop(coming)
            if held and begin <= held[1]:
                held = (held[0], max(held[1], end))
                continue
            if held and held[1] > after:
                yield held
            held = (begin, end)
    if held and held[1] > after:
        yield held


@lru_cache(maxsize=20_000)
def _spans_of_day(window: Window, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return the window's spans on one day of its zone: one as a rule, two or none where the clock is set then."""
    if day.weekday() not in window.days:
        return ()
    zone = _zone(window.zone)
    midnight = datetime.combine(day, time(), zone)
    marks = {
        (midnight + timedelta(minutes=minute)).replace(fold=fold).astimezone(UTC)
        for minute in (window.begin, window.end)
        for fold in (0, 1)
    } | set(_turns(zone, day))
    ordered = sorted(marks)
    spans: list[tuple[datetime, datetime]] = []
    for left, right in pairwise(ordered):
        middle = (left + (right - left) / 2).astimezone(zone)
        if middle.date() != day or not window.begin <= middle.hour * 60 + middle.minute < window.end:
            continue
        if spans and spans[-1][1] == left:
            spans[-1] = (spans[-1][0], right)
        else:
            spans.append((left, right))
    return tuple(spans)


@lru_cache(maxsize=20_000)
def _turns(zone: ZoneInfo, day: date) -> tuple[datetime, ...]:
    """Return the moments about that day, to the second, at which the zone's clock is set."""
    left = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    if left.astimezone(zone).utcoffset() == (left + timedelta(hours=54)).astimezone(zone).utcoffset():
        return ()
    return tuple(_turns_after(zone, left))


def _turns_after(zone: ZoneInfo, left: datetime) -> Iterator[datetime]:
    for hour in range(54):
        low, high = left + timedelta(hours=hour), left + timedelta(hours=hour + 1)
        before = low.astimezone(zone).utcoffset()
        if before == high.astimezone(zone).utcoffset():
            continue
        while high - low > timedelta(seconds=1):
            middle = (low + (high - low) / 2).replace(microsecond=0)
            if middle.astimezone(zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        yield high


def _across_midnight(begin: str, end: str, first: int, last: int) -> str:
    """Say what to write instead; each of the two windows is long enough to be taken."""
    least = SHORTEST // timedelta(minutes=1)
    until_midnight = f"{_clock(min(first, 1440 - least))} to 24:00"
    if not last:
        return f"The window ends ({end}) before it begins ({begin}). A day ends at 24:00: write {until_midnight}."
    return (
        f"The window ends ({end}) before it begins ({begin}). For one across midnight write two: {until_midnight}, and 00:00 to "
        f"{_clock(max(last, least))} of the next day."
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _minutes(text: str, field: str) -> int:
    if not _CLOCK.match(text):
        detail = f"{field} must be a time of the day such as 02:30, not {shown(text)}."
        raise Refused("window_time", detail, field=field)
    return int(text[:2]) * 60 + int(text[3:])


@lru_cache(maxsize=700)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
