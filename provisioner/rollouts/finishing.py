"""When a rollout under way will be done: worked out now and then, and kept on its row, so that a page costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import looking_queries, reading_queries
from provisioner.rollouts.budget import Limits
from provisioner.rollouts.estimate import Estimate, StageLeft, Waits, estimate
from provisioner.rollouts.estimate_places import places_of
from provisioner.rollouts.facts import LaneFacts
from provisioner.rollouts.gates.registry import least_wait
from provisioner.rollouts.models import Gate, Rollout, Target
from provisioner.rollouts.parties import parties_of
from provisioner.rollouts.previewing import past_seconds
from provisioner.rollouts.states import DONE_STAGES, RolloutState, StageState, TargetState

STILL_OPEN = (
    "waiting",
    "ready",
    "active",
)  # of a stage that has passed: who was tried again, or joined lately
NO_END = {"finish_low": None, "finish_likely": None, "finish_high": None, "finish_bound_by": ""}
MOST = 200  # members at work that are looked at


def finish_of(
    *, rollout_id: UUID, plan: Mapping[str, Any], limits: Limits, lanes: Iterable[LaneFacts], now: datetime
) -> Estimate:
    """Return the interval in which the rollout ends, from where its stages and lanes stand."""
    within = list(lanes)
    rate = plan.get("starts_per_minute")
    stages = rows(reading_queries.STAGES, {"rollout": rollout_id})
    parties = parties_of(rollout_id, now, ignores_windows=plan.get("windows") == "ignore")
    longer = {row["stage"]: row["seconds"] for row in rows(looking_queries.LONGER, {"rollout": rollout_id})}
    left, beside = list[StageLeft](), list[StageLeft]()
    for row in stages:
        is_done = StageState(row["state"]) in DONE_STAGES
        if is_done and not any(row[name] for name in STILL_OPEN):
            continue
        standing = {one.lane: _left(one) for one in within if one.stage == row["position"]}
        places = places_of(standing, limits.concurrency)
        gates = list(Gate.objects.filter(stage=row["id"], open=False))
        stage = StageLeft(
            members=sum(row[name] or 0 for name in ("planned", "waiting", "ready")),
            running=_running(row, now),
            places=places.pace,
            bound=places.bound_by,
            parties=parties.get(row["id"], ()),
            deadline=_deadline(row, longer.get(row["id"], 0.0), now),
            before=_waits([gate for gate in gates if gate.side == "before"], now),
            behind=_waits([gate for gate in gates if gate.side == "after"], now),
            starts_per_second=rate / 60 if rate else None,
        )
        (beside if is_done else left).append(stage)
    past = past_seconds()
    return _latest([estimate(left, past, now), *(estimate([stage], past, now) for stage in beside)])


def _latest(made: Sequence[Estimate]) -> Estimate:
    """Return when all of these are done, which go on beside each other."""
    low, likely, high = (max(getattr(one, name) for one in made) for name in ("low", "likely", "high"))
    return Estimate(low, likely, high, max(made, key=lambda one: one.likely).bound_by)


def kept_estimate(rollout: Rollout) -> Estimate | None:
    """Return what the last look came to; nothing of a rollout that stands still, which ends later by however long it does."""
    low, likely, high = rollout.finish_low, rollout.finish_likely, rollout.finish_high
    if rollout.state != RolloutState.RUNNING or low is None or likely is None or high is None:
        return None
    return Estimate(low, likely, high, rollout.finish_bound_by)


def columns_of(made: Estimate) -> dict[str, Any]:
    """Return what is kept of an estimate."""
    return {
        "finish_low": made.low,
        "finish_likely": made.likely,
        "finish_high": made.high,
        "finish_bound_by": made.bound_by,
    }


def _left(lane: LaneFacts) -> int:
    return lane.planned + lane.waiting + lane.ready + lane.active


def _running(row: Mapping[str, Any], now: datetime) -> list[float]:
    if not row["active"]:
        return []
    began = Target.objects.filter(stage=row["id"], state=TargetState.RUNNING).values_list(
        "started_at", flat=True
    )
    found = [(now - at).total_seconds() for at in began[:MOST] if at]
    return found * max(1, round(row["active"] / len(found))) if found else []


def _deadline(row: Mapping[str, Any], longer: float, now: datetime) -> float:
    """Return for how many seconds the stage, or who may wait longer, waits for windows yet; before it begins, from then on."""
    passed = (now - row["began_at"]).total_seconds() if row["began_at"] else 0.0
    return max(0.0, float(row["deadline_seconds"] + row["stood_seconds"]) + longer - passed)


def _waits(gates: Sequence[Gate], now: datetime) -> Waits:
    """Return how long these take at the least, from whatever moment; asked together, the longest says it."""

    def wait(at: float) -> float:
        moment = now + timedelta(seconds=at)
        known = [(gate.until - moment).total_seconds() for gate in gates if gate.until is not None]
        others = [(gate.kind, gate.settings) for gate in gates if gate.until is None]
        return max(0.0, *known, least_wait(others, moment))

    return wait
