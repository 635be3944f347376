"""Enough of the upgraded runtimes are as healthy as before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from provisioner.rollouts.gates.base import Evidence, Gate, Settings, Verdict, number, only, opened, shut

LOOK_AGAIN = timedelta(seconds=30)
USUAL = 99  # percent


def check(settings: Settings, _now: datetime) -> dict[str, Any]:
    """`healthy_percent`: of the upgraded ones that were healthy before; `minutes`: watched for at least so long."""
    only(settings, "healthy_percent", "minutes")
    return {
        "healthy_percent": number(settings, "healthy_percent", least=0, most=100, default=USUAL),
        "minutes": number(settings, "minutes", least=0, most=7 * 24 * 60, default=0),
    }


def judge(settings: Settings, evidence: Evidence) -> Verdict:
    """Open when the time is over and enough are healthy; with nobody to look at it is open."""
    until = evidence.since + timedelta(minutes=settings["minutes"])
    healthy = 100 * (1 - evidence.upgraded.rate)
    words = f"{healthy:.1f} % of {evidence.upgraded.members} upgraded runtimes healthy"
    if healthy < settings["healthy_percent"]:
        reason = f"{words}, needs {settings['healthy_percent']:g} %"
        return shut(reason, evidence.now + LOOK_AGAIN)
    if evidence.now < until:
        return shut(f"{words}, watched until {until:%d %b %H:%M} UTC", until)
    return opened(words)


def least_seconds(settings: Settings, _now: datetime) -> float:
    """The time of watching."""
    return float(settings["minutes"]) * 60


def words(settings: Settings) -> str:
    """How many at the least."""
    return f", {settings.get('healthy_percent', USUAL):g} % at least"


gate = Gate(
    title="Health of the upgraded", check=check, judge=judge, least_seconds=least_seconds, words=words
)
