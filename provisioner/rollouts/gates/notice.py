"""Tenants are told, and have so long before the first of their runtimes is upgraded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from provisioner.rollouts.gates.base import Evidence, Gate, Settings, Verdict, number, only, opened, shut

MOST_HOURS = 30 * 24


def check(settings: Settings, _now: datetime) -> dict[str, Any]:
    """`hours`: from when they are told."""
    only(settings, "hours")
    return {"hours": number(settings, "hours", least=0.01, most=MOST_HOURS)}


def judge(settings: Settings, evidence: Evidence) -> Verdict:
    """Open when so much time has passed since the gate's turn came: its look tells them."""
    until = evidence.since + timedelta(hours=settings["hours"])
    told = f"{evidence.since:%d %b %H:%M} UTC"
    if evidence.now < until:
        return shut(f"tenants were told on {told}, not before {until:%d %b %H:%M} UTC", until)
    return opened(f"tenants were told on {told}")


def least_seconds(settings: Settings, _now: datetime) -> float:
    """All of it."""
    return float(settings["hours"]) * 3600


def words(settings: Settings) -> str:
    """How long."""
    return f" of {settings['hours']:g} h"


gate = Gate(title="Notice to tenants", check=check, judge=judge, least_seconds=least_seconds, words=words)
