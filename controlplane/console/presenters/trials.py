"""Trials in words: headings, badges, how long is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.console.presenters.badges import Badge
from controlplane.trials.models import Trial
from controlplane.trials.states import Stage

HEADINGS = {
    "pending_verification": "Not confirmed yet",
    "waiting": "You wait for a place",
    "provisioning": "Your runtime is being built",
    "active": "Your trial runs",
    "expired": "Your trial is over",
    "suspended": "Your trial is over",
    "removed": "Your trial was removed",
    "converted": "A paid plan keeps the runtime",
    "rejected": "There is no trial",
}
_BADGES = {
    "pending_verification": Badge("Not confirmed", "envelope", "wait"),
    "waiting": Badge("Waiting", "clock", "wait"),
    "provisioning": Badge("Provisioning", "arrow-path", "busy"),
    "active": Badge("Active", "check-circle", "ok"),
    "expired": Badge("Expired", "clock", "bad"),
    "suspended": Badge("Suspended", "pause-circle", "wait"),
    "removing": Badge("Removing", "arrow-path", "busy"),
    "removed": Badge("Removed", "trash", "idle"),
    "converted": Badge("Converted", "check-circle", "ok"),
    "rejected": Badge("Rejected", "no-symbol", "bad"),
}
URGENT = timedelta(days=3)


@dataclass(frozen=True)
class Countdown:
    """One line on top of a page."""

    lead: str
    rest: str
    link: str
    urgent: bool = False


def badge_of(status: str) -> Badge:
    """Return a trial's badge."""
    return _BADGES[status]


def countdown_of(trial: Trial, now: datetime) -> Countdown | None:
    """Return what a page says about a trial, or None when nothing is running out."""
    if trial.stage == Stage.ACTIVE and trial.expires_at:
        left = trial.expires_at - now
        rest = f"It ends on {trial.expires_at:%-d %B %Y}; then the runtime is suspended."
        return Countdown(f"Trial: {in_days(left)} left.", rest, "Extend or keep it", left <= URGENT)
    if trial.stage in {Stage.EXPIRED, Stage.SUSPENDED} and trial.removes_at:
        rest = f"The runtime is removed on {trial.removes_at:%-d %B %Y}."
        return Countdown("The trial is over.", rest, "Keep it with a paid plan", urgent=True)
    if trial.stage == Stage.WAITING:
        return Countdown("You wait for a place.", "Your trial begins by itself.", "See your number")
    return None


def in_days(left: timedelta) -> str:
    """Write how long is left: in days, on the last one in hours."""
    hours = max(0, int(left.total_seconds() // 3600))
    if hours < 48:  # noqa: PLR2004 - two days: whole days would say “1 day” for 47 hours
        return f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{round(left / timedelta(days=1))} days"
