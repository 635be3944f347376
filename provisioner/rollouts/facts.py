"""What a tick knows of one rollout, read from its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import queries
from provisioner.rollouts.budget import Lane, Limits, Scope
from provisioner.rollouts.states import BEGUN, RolloutState, StageState


@dataclass(frozen=True)
class LaneFacts:
    """A lane with what is left in it."""

    lane: Lane
    stage: int
    begun: bool
    planned: int
    waiting: int
    blocked: int
    ready: int
    active: int
    failed: int
    blamed: int


@dataclass
class StageFacts:
    """One stage."""

    id: int
    position: int
    name: str
    state: StageState
    since: datetime | None
    began_at: datetime | None
    deadline_seconds: int
    stood_seconds: float

    @property
    def deadline(self) -> datetime | None:
        """When whoever waits is waited for no longer; time in which the rollout stood still is left out."""
        if self.began_at is None:
            return None
        return self.began_at + timedelta(seconds=self.deadline_seconds + self.stood_seconds)


@dataclass
class Facts:
    """One rollout under way."""

    id: UUID
    name: str
    state: RolloutState
    urgent: bool
    release: str
    plan: Mapping[str, Any]
    limits: Limits
    row: Mapping[str, Any] = field(repr=False)
    stages: list[StageFacts] = field(default_factory=list)
    lanes: dict[int, LaneFacts] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """Whether a person closed it: what runs may end, nothing else begins, and no budget is left to keep."""
        return self.row["closed_at"] is not None

    def of_stage(self, position: int) -> list[LaneFacts]:
        """Return the lanes of one stage."""
        return [lane for lane in self.lanes.values() if lane.stage == position]


def under_way() -> list[Facts]:
    """Return every rollout that is under way, urgent ones first."""
    return [_facts(row) for row in rows(queries.UNDER_WAY, {})]


def of(rollout_id: UUID) -> Facts:
    """Return one rollout that is under way, with stages and lanes."""
    found = next(one for one in under_way() if one.id == rollout_id)
    read_stages(found)
    read_lanes(found)
    return found


def _facts(row: Mapping[str, Any]) -> Facts:
    return Facts(
        id=row["id"],
        name=row["name"],
        state=RolloutState(row["state"]),
        urgent=row["urgent"],
        release=row["release_key"],
        plan=json.loads(row["plan"]),
        limits=limits_of(json.loads(row["limits"])),
        row=row,
    )


def read_stages(facts: Facts) -> None:
    """Read the stages as they stand now."""
    facts.stages = [
        StageFacts(**{**row, "state": StageState(row["state"])})
        for row in rows(queries.STAGES, {"rollout": facts.id})
    ]


def read_lanes(facts: Facts) -> None:
    """Read how many are in which state now."""
    facts.lanes = {row["id"]: lane_of(row) for row in rows(queries.LANES, {"rollout": facts.id})}


def lane_of(row: Mapping[str, Any]) -> LaneFacts:
    """Return a lane from its row of `queries.LANES`."""
    lane = Lane(
        id=row["id"],
        stage=str(row["position"]),
        group=row["group"],
        landscape=str(row["landscape_id"]),
        region=row["region"],
        active=row["active"],
        blamed=row["blamed"],
    )
    counts = {
        name: row[name] for name in ("planned", "waiting", "blocked", "ready", "active", "failed", "blamed")
    }
    return LaneFacts(lane, row["position"], StageState(row["state"]) in BEGUN, **counts)


def limits_of(kept: Mapping[str, Any]) -> Limits:
    """Return what `Rollout.limits` keeps."""
    return Limits(_scopes(kept.get("concurrency", [])), _scopes(kept.get("failures", [])))


def stored(scopes: Mapping[Scope, int]) -> list[list[Any]]:
    """Return limits as `Rollout.limits` keeps them."""
    return [[*scope, number] for scope, number in scopes.items()]


def _scopes(kept: Sequence[Sequence[Any]]) -> dict[Scope, int]:
    return {tuple(str(part) for part in entry[:-1]): int(entry[-1]) for entry in kept}
