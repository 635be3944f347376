"""Nothing begins before a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.kernel.errors import Refused
from provisioner.rollouts.gates.base import Evidence, Gate, Settings, Verdict, only, opened, refused, shut

FARTHEST = timedelta(days=366)


def check(settings: Settings, now: datetime) -> dict[str, Any]:
    """`at`: RFC 3339 with its offset, in the future, at most a year away."""
    only(settings, "at")
    moment = _moment(settings.get("at"))
    if moment <= now:
        detail = f"The scheduled start {settings['at']} is over; choose a later one or leave the gate out."
        raise Refused("gate_never_met", detail, field="gates.at")
    if moment > now + FARTHEST:
        raise Refused("gate_never_met", "The scheduled start is more than a year away.", field="gates.at")
    return {"at": moment.astimezone(UTC).isoformat()}


def judge(settings: Settings, evidence: Evidence) -> Verdict:
    """Open from that moment on."""
    moment = _moment(settings["at"])
    words = f"{moment:%d %b %H:%M} UTC"
    if evidence.now < moment:
        return shut(f"begins at {words}", moment)
    return opened(f"scheduled for {words}")


def least_seconds(settings: Settings, now: datetime) -> float:
    """Until then."""
    return max(0.0, (_moment(settings["at"]) - now).total_seconds())


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise refused("The gate needs `at`, a moment such as 2026-12-01T06:00:00Z.") from error
    if moment.tzinfo is None:
        raise refused("`at` needs its offset from UTC: write 2026-12-01T06:00:00Z.")
    return moment


def words(settings: Settings) -> str:
    """When."""
    return f" on {_moment(settings['at']).astimezone(UTC):%-d %b %H:%M} UTC"


gate = Gate(title="Scheduled start", check=check, judge=judge, least_seconds=least_seconds, words=words)
