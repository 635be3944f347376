"""Ends of a rollout's way: halted by its budget or breaker, drained after an abort, completed."""

from __future__ import annotations

from datetime import datetime

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import queries
from provisioner.rollouts.budget import ROLLOUT, Places
from provisioner.rollouts.facts import Facts
from provisioner.rollouts.models import Rollout
from provisioner.rollouts.states import DONE_STAGES, RolloutState
from provisioner.rollouts.telling import tell

R = RolloutState


def halted_by_budget(facts: Facts) -> bool:
    """Halt the rollout when more failed than may, in all of it or in a stage; a place or group only stands still.

    One that was closed has nothing to halt: it ends with its last upgrade, however that comes out.
    """
    reason = "" if facts.closed else over_budget(facts)
    if reason:
        halt(facts, reason)
    return bool(reason)


def over_budget(facts: Facts) -> str:
    """Say by how much the rollout, or a stage of it, is over its failure budget; empty when it is not."""
    places = Places([lane.lane for lane in facts.lanes.values()], facts.limits)
    for scope in sorted(places.over_budget):
        if scope == ROLLOUT or scope[0] == "stage":
            where = "the rollout" if scope == ROLLOUT else f"stage {facts.stages[int(scope[1])].name}"
            return f"Failure budget: {places.blamed[scope]} failed in {where}, {facts.limits.failures[scope]} may."
    return ""


def halt(facts: Facts, reason: str) -> None:
    """Let nothing more begin until a person says so; of one that was closed nothing begins anyway."""
    if facts.closed:
        return
    moved = Rollout.objects.filter(pk=facts.id, state=R.RUNNING).update(state=R.HALTED, hold=reason[:500])
    if moved:
        facts.state = R.HALTED
        tell(facts, "rollout", before=R.RUNNING.value, after=R.HALTED.value, reason=reason)


def drain(facts: Facts, now: datetime) -> None:
    """Give back places that a rollout which stands still has not used; an aborted or closed one ends with its last upgrade."""
    if any(lane.active for lane in facts.lanes.values()):
        rows(queries.GIVE_BACK, {"rollout": facts.id, "now": now})
        return
    if facts.state is R.ABORTING:
        leave_who_came_back(facts, now)
        _end(facts, R.ABORTING, R.ABORTED, now)
    elif facts.closed and facts.state is R.PAUSED:
        leave_who_came_back(facts, now)
        _end(facts, R.PAUSED, R.COMPLETED, now)


def leave_who_came_back(facts: Facts, now: datetime) -> bool:
    """Leave behind whoever has not begun of a rollout of which nothing begins any more, and say whether that is anybody."""
    anybody = any(lane.planned or lane.waiting or lane.blocked or lane.ready for lane in facts.lanes.values())
    if anybody:
        rows(queries.LEAVE_ENDED, {"rollout": facts.id, "now": now})
    return anybody


def finish(facts: Facts, now: datetime) -> None:
    """Complete a rollout whose stages have passed and of which nobody waits any more."""
    if all(stage.state in DONE_STAGES for stage in facts.stages) and not any(
        lane.planned or lane.waiting or lane.blocked or lane.ready or lane.active
        for lane in facts.lanes.values()
    ):
        _end(facts, R.RUNNING, R.COMPLETED, now)


def _end(facts: Facts, before: RolloutState, after: RolloutState, now: datetime) -> None:
    rows_moved = Rollout.objects.filter(pk=facts.id, state=before).update(
        state=after, finished_at=now, hold=""
    )
    if rows_moved:
        facts.state = after
        tell(facts, "rollout", before=before.value, after=after.value)
