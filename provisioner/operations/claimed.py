"""An operation as a worker holds it: what the claim read, and nothing that it would have to ask for again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from provisioner.drivers.base import LandscapeAccess, Situation
from provisioner.landscapes.models import credentials_context
from provisioner.operations.engine import Progress
from provisioner.runtimes.phases import Kind
from provisioner.runtimes.spec import ClusterSpec, cluster_from_json
from provisioner.runtimes.visit import Visit


@dataclass(frozen=True)
class Claimed:
    """An operation in this worker's hand, until its lease ends or somebody takes it over."""

    id: UUID
    tenant_id: UUID
    runtime_id: UUID
    kind: Kind
    generation: int
    input: Mapping[str, Any]
    step: str
    stored_step: str  # differs from `step` when a deploy took that out of the flow
    steps_done: tuple[str, ...]
    attempts: int
    fence: int
    wakes: int
    now: datetime
    step_started_at: datetime
    step_deadline: datetime | None
    deadline: datetime
    cancel_reason: str
    cancelling: bool
    pausing: bool
    cluster_spec: Mapping[str, Any]
    landscape_id: UUID
    landscape_kind: str
    access: LandscapeAccess
    release: Mapping[str, Any] = field(default_factory=dict)  # that the runtime counts as running
    situation: str = ""  # of the cluster, as the observer saw it last
    seen_operation: str = ""  # which one ordered what was seen then
    seen_hibernated: bool = False
    kept: dict[str, Any] = field(default_factory=dict)  # what its steps noted
    background: bool = False  # the runtime counts as settled already
    made: list[ClusterSpec] = field(default_factory=list, compare=False, repr=False)
    visit: Visit = field(default_factory=Visit, compare=False, repr=False)  # closed when the worker lets go

    @property
    def cluster(self) -> ClusterSpec:
        """The cluster as wanted; made once for all the steps of one claim."""
        if not self.made:
            self.made.append(cluster_from_json(self.cluster_spec))
        return self.made[0]

    @property
    def seen_ready(self) -> bool:
        """Whether the observer has seen fulfilled what this very operation ordered; another may have ordered the same wish.

        Somebody may have woken the cluster since, or put it to sleep: the operation's tag stays on it.
        """
        ordered = self.situation == Situation.READY and self.seen_operation == str(self.id)
        return ordered and self.seen_hibernated == self.cluster.hibernated

    def progress_after(self, run: timedelta) -> Progress:
        """What the engine needs to know once the step has run this long."""
        return Progress(
            self.step, self.attempts, self.now + run, self.step_started_at, self.deadline, self.step_deadline
        )


def claimed(row: Mapping[str, Any]) -> Claimed:
    """Return what a row of the claim says."""
    return Claimed(
        id=row["id"],
        tenant_id=row["tenant_id"],
        runtime_id=row["runtime_id"],
        kind=Kind(row["kind"]),
        generation=row["generation"],
        input=json.loads(row["input"]),
        kept=json.loads(row["kept"]),
        step=row["step"],
        stored_step=row["step"],
        steps_done=tuple(done["step"] for done in json.loads(row["steps_done"])),
        attempts=row["attempts"],
        background=row["background"],
        fence=row["fence"],
        wakes=row["wakes"],
        now=row["now"],
        step_started_at=row["step_started_at"],
        step_deadline=row["step_deadline"],
        deadline=row["deadline"],
        cancel_reason=row["cancel_reason"],
        cancelling=row["cancelling"],
        pausing=row["pausing"],
        cluster_spec=json.loads(row["cluster_spec"]),
        landscape_id=row["landscape_id"],
        landscape_kind=row["landscape_kind"],
        access=_access(row),
        release=json.loads(row["release"] or "{}"),
        situation=row["situation"] or "",
        seen_operation=row["seen_operation"] or "",
        seen_hibernated=bool(row["seen_hibernated"]),
    )


def _access(row: Mapping[str, Any]) -> LandscapeAccess:
    return LandscapeAccess(
        key=row["landscape_key"],
        config=json.loads(row["landscape_config"]),
        credentials_path=row["credentials_path"],
        timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS,
        sealed=bytes(row["credentials_sealed"]),
        sealed_context=credentials_context(row["landscape_id"]),
    )
