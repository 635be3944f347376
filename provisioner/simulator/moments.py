"""Times as Kubernetes writes them: UTC, whole seconds, with a Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def stamp(moment: datetime | None = None) -> str:
    """Return `2026-01-31T12:00:00Z`; the present when no moment is given."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


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
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    return f"{days}d"


def within(seconds: float) -> str:
    """Return the stamp `seconds` from now."""
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds))
