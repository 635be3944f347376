"""The upgraded runtimes take up little more than before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from provisioner.rollouts.gates.base import (
    Evidence,
    Gate,
    Settings,
    Verdict,
    no_wait,
    number,
    only,
    opened,
    shut,
)

LOOK_AGAIN = timedelta(minutes=5)
USUAL = 5  # percent


def check(settings: Settings, _now: datetime) -> dict[str, Any]:
    """`growth_percent`: the most that platform components of upgraded runtimes may have grown by."""
    only(settings, "growth_percent")
    return {"growth_percent": number(settings, "growth_percent", least=0, most=1000, default=USUAL)}


def judge(settings: Settings, evidence: Evidence) -> Verdict:
    """Open when the change is known and within bounds; with nobody to measure it is open."""
    change = evidence.footprint_change
    if not evidence.measurable:
        return opened("nobody was upgraded: nothing to measure")
    if change is None:
        return shut("waits for measurements of the upgraded runtimes", evidence.now + LOOK_AGAIN)
    words = f"footprint {change:+.1f} %"
    if change > settings["growth_percent"]:
        reason = f"{words}, allowed {settings['growth_percent']:+g} %"
        return shut(reason, evidence.now + LOOK_AGAIN)
    return opened(words)


def words(settings: Settings) -> str:
    """By how much at the most."""
    return f", {settings.get('growth_percent', USUAL):+g} % at most"


gate = Gate(title="Change of the footprint", check=check, judge=judge, least_seconds=no_wait, words=words)
