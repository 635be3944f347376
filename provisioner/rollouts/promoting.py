"""Whose moment has come: their windows are asked, and they are ready or wait on with a reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import queries
from provisioner.rollouts.facts import Facts
from provisioner.rollouts.schedules import Schedules
from provisioner.rollouts.states import TargetState
from provisioner.rollouts.windows import Opening

MOST = 5000
LOOK_AGAIN = timedelta(hours=1)


def promote(facts: Facts, now: datetime) -> int:
    """Look at those that are due, and return how many."""
    if not any(lane.waiting or lane.blocked for lane in facts.lanes.values() if lane.begun):
        return 0
    due = rows(queries.DUE, {"rollout": facts.id, "now": now, "most": MOST})
    if not due:
        return 0
    openings: dict[UUID, Opening | None] = {}
    if facts.plan.get("windows") == "ignore":
        openings = {row["id"]: Opening(now, None) for row in due}
    else:
        schedules = Schedules.of(due, now)
        openings = {row["id"]: schedules.opening(row, now) for row in due}
    open_now = {key: one.end for key, one in openings.items() if one and one.begin <= now}
    if open_now:
        params = {"ids": list(open_now), "closes": list(open_now.values()), "now": now}
        rows(queries.MAKE_READY, params)
    hold(
        (_held(key, one, now) for key, one in openings.items() if key not in open_now),
        now,
    )
    return len(due)


def hold(held: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Set targets back, each with state, code, reason, due and until, in one statement."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for one in held:
        for name in ("id", "state", "code", "reason", "due", "until"):
            columns[f"{name}s"].append(one[name])
    if columns:
        rows(queries.HOLD, {**columns, "now": now})


def _held(key: UUID, opening: Opening | None, now: datetime) -> dict[str, Any]:
    if opening is None:
        reason = "its maintenance window never opens: change the window or end the exclusion"
        return {
            "id": key, "state": TargetState.BLOCKED.value, "code": "window_never_opens", "reason": reason,
            "due": now + LOOK_AGAIN, "until": None,
        }  # fmt: skip
    code = "excluded" if opening.excluded else "window"
    words = "excluded until" if opening.excluded else "its maintenance window opens"
    return {
        "id": key, "state": TargetState.WAITING.value, "code": code,
        "reason": f"{words} {opening.begin:%a %d %b %H:%M} UTC", "due": opening.begin, "until": opening.begin,
    }  # fmt: skip
