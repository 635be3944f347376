"""Times as Kubernetes writes them: UTC, whole seconds, with a Z."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MINUTE, HOUR, DAY = 60, 3600, 86400
# (unit, up to, letter, finer unit, its letter), the steps of kubectl's own rounding.
_SPANS = (
    (1, 2 * MINUTE, "s", 0, ""),
    (MINUTE, 10 * MINUTE, "m", 1, "s"),
    (MINUTE, 3 * HOUR, "m", 0, ""),
    (HOUR, 8 * HOUR, "h", MINUTE, "m"),
    (HOUR, 2 * DAY, "h", 0, ""),
)


def stamp(moment: datetime | None = None) -> str:
    """Return `2026-01-31T12:00:00Z`; the present when no moment is given."""
    return moment.strftime(_FORMAT) if moment else _second(int(time.time()))


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(_FORMAT)


def parse(text: str) -> datetime:
    """Read a time of the API; raises ValueError when it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def age(text: str) -> str:
    """Return the age of a time the way kubectl prints it: 45s, 12m, 3h4m, 5d."""
    try:
        seconds = int((datetime.now(UTC) - parse(text)).total_seconds())
    except ValueError:
        return "<unknown>"
    seconds = max(seconds, 0)
    for size, most, letter, smaller, smaller_letter in _SPANS:
        if seconds < most:
            rest = seconds % size // smaller if smaller else 0
            return (
                f"{seconds // size}{letter}{rest}{smaller_letter}" if rest else f"{seconds // size}{letter}"
            )
    return f"{seconds // DAY}d"


def within(seconds: float) -> str:
    """Return the stamp `seconds` from now."""
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds))
