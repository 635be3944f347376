"""Lengths of time in words."""

from __future__ import annotations

from datetime import datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 86400


def in_words(span: timedelta | float | None) -> str:
    """Return "42 s", "3 min 5 s", "1 h 12 min" or "4 d 2 h"; empty for None."""
    if span is None:
        return ""
    seconds = int(span.total_seconds() if isinstance(span, timedelta) else span)
    if seconds < 1:
        return "under 1 s"
    for size, name, smaller, smaller_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{seconds} s"


def roughly(seconds: float) -> str:
    """Return a length as people say it: "about 40 s", "about 6 min"."""
    if seconds < MINUTE:
        return f"about {max(1, round(seconds / 5) * 5 if seconds > 10 else round(seconds))} s"  # noqa: PLR2004
    if seconds < HOUR:
        return f"about {round(seconds / MINUTE)} min"
    return f"about {in_words(round(seconds / MINUTE) * MINUTE)}"


def ago(moment: datetime, now: datetime) -> str:
    """Return "just now", "4 min ago", "3 h ago", "12 d ago"; a day in the future reads "in 2 h"."""
    seconds = int((now - moment).total_seconds())
    size = abs(seconds)
    if size < MINUTE:
        return "just now" if seconds >= 0 else "in under a minute"
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if size >= unit:
            count = f"{size // unit} {name}"
            break
    return f"{count} ago" if seconds > 0 else f"in {count}"
