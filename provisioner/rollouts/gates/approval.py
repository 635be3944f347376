"""So many people say yes, each once."""

from __future__ import annotations

from datetime import datetime
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
    refused,
    shut,
)

USUAL, MOST = 1, 5


def check(settings: Settings, _now: datetime) -> dict[str, Any]:
    """`approvers`: how many, 1 as a rule."""
    only(settings, "approvers")
    asked = number(settings, "approvers", least=1, most=MOST, default=USUAL)
    if not asked.is_integer():
        raise refused(f"approvers is {asked:g}; people are whole, write {int(asked)} or {int(asked) + 1}.")
    return {"approvers": int(asked)}


def judge(settings: Settings, evidence: Evidence) -> Verdict:
    """Open once enough different people have approved since the gate's turn came: what was said before is of something else.

    Where several are asked, tokens that are nobody's don't count.
    """
    several = settings["approvers"] > 1
    lately = [one for one in evidence.approvals if one.at >= evidence.since]
    counted = {one.person or one.by: one.by for one in lately if one.person or not several}
    missing, given = settings["approvers"] - len(counted), sorted(counted.values())
    if missing > 0:
        return shut(f"waits for {missing} approval{'s' if missing > 1 else ''}")
    return opened(f"approved by {', '.join(given)}")


def words(settings: Settings) -> str:
    """How many are asked, where that is more than one."""
    asked = settings.get("approvers", USUAL)
    return f" by {asked:g}" if asked > 1 else ""


gate = Gate(title="Approval", check=check, judge=judge, least_seconds=no_wait, words=words)
