"""Time passes with the upgraded runtimes in use before the next ones follow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from provisioner.rollouts.gates.base import Evidence, Gate, Settings, Verdict, number, only, opened, shut

MOST_MINUTES = 30 * 24 * 60  # as GKE's rollout sequencing allows


def check(settings: Settings, _now: datetime) -> dict[str, Any]:
    """`minutes`: how long."""
    only(settings, "minutes")
    return {"minutes": number(settings, "minutes", least=1, most=MOST_MINUTES)}


def judge(settings: Settings, evidence: Evidence) -> Verdict:
    """Open when so much time has passed since the gate's turn came."""
    until = evidence.since + timedelta(minutes=settings["minutes"])
    if evidence.now < until:
        return shut(f"soaks until {until:%d %b %H:%M} UTC", until)
    return opened(f"soaked for {settings['minutes']:g} min")


def least_seconds(settings: Settings, _now: datetime) -> float:
    """All of it."""
    return float(settings["minutes"]) * 60


def words(settings: Settings) -> str:
    """How long."""
    return f" of {settings['minutes']:g} min"


gate = Gate(title="Timed soak", check=check, judge=judge, least_seconds=least_seconds, words=words)
