"""What pages show of rollouts: the list, one rollout, its targets, its feed; O(page), however large the fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import facts, queries, reading_queries
from provisioner.rollouts.budget import ROLLOUT, Places
from provisioner.rollouts.estimate import Estimate
from provisioner.rollouts.finishing import kept_estimate
from provisioner.rollouts.models import EmergencyStop, Gate, HealthPoint, Rollout, Tally, Target
from provisioner.rollouts.permitted import may_read, the_rollout
from provisioner.rollouts.signatures import of_signature
from provisioner.rollouts.states import TargetState
from provisioner.runtimes.finding import words_begin
from provisioner.runtimes.models import Runtime

MOST = 200
MOST_POINTS = 400  # of the health chart: weeks, see `looking`
# Large, and no page of targets shows them.
HEAVY = tuple(f"runtime__{name}" for name in ("spec", "cluster_spec", "status", "labels"))
NOT_DONE = (TargetState.FAILED, TargetState.LEFT, TargetState.SKIPPED)  # once a rollout has ended
# Failures by their signature; of those at work, who count as one, only those at a stand have a reason.
OTHERWISE_TOLD = (TargetState.FAILED, TargetState.SUCCEEDED, "active")
FOUND_BY_NAME = 1000  # of the whole fleet; of more than that each page of targets is full soon
Counts = Mapping[str, int]  # by the columns of a lane


@dataclass(frozen=True)
class Listed:
    """A line of the list."""

    rollout: Rollout
    counts: Counts


@dataclass(frozen=True)
class StageView:
    """A stage with its counts and gates."""

    row: Mapping[str, Any]  # see reading_queries.STAGES
    gates: Sequence[Gate]
    concurrency: int | None
    failures_allowed: int | None
    overall: int | None = None  # at once in the whole rollout

    @property
    def at_once(self) -> int | None:
        """How many of it may run at once, where it has a limit of its own: no more than the whole rollout lets."""
        known = [one for one in (self.concurrency, self.overall) if one is not None]
        return min(known) if self.concurrency is not None else None

    @property
    def done_percent(self) -> int:
        """How far it is: whoever will not be looked at again, of all."""
        done = sum(self.row[name] or 0 for name in ("succeeded", "failed", "skipped", "left_behind", "gone"))
        return int(100 * done / self.row["total"]) if self.row["total"] else 100


@dataclass(frozen=True)
class Burn:
    """How much of a failure budget is used."""

    scope: str
    failed: int
    allowed: int


@dataclass(frozen=True)
class Failures:
    """Failures that stand, of one cause in one stage, that came in one piece of the rollout's time."""

    signature: str
    stage: int  # its position
    targets: int
    piece: int  # which one, from 0


@dataclass(frozen=True)
class RolloutView:
    """One rollout's page, without its targets."""

    rollout: Rollout
    counts: Counts
    stages: Sequence[StageView]
    places: Sequence[Mapping[str, Any]]  # landscape, region and counts
    burn: Sequence[Burn]  # all budgets, the fullest first
    finish: (
        Estimate | None
    )  # None: it does not run, or has just begun or gone on; made anew every quarter of a minute
    errors: Sequence[Tally]  # failures by signature over all stages, the most frequent first
    reasons: Sequence[Tally]  # everybody else's reasons, those first who are stuck or paused at work
    health: Sequence[HealthPoint]  # oldest first
    stop: EmergencyStop | None


def list_rollouts(
    *, actor: Actor, state: str = "", release: str = "", before: UUID | None = None, limit: int = 50
) -> list[Listed]:
    """Return a page, newest first; `before` is the last id of the page before. Raises Refused forbidden 403."""
    may_read(actor)
    found = Rollout.objects.order_by("-id")
    if state:
        found = found.filter(state=state)
    if release:
        found = found.filter(release_key=release)
    if before:
        found = found.filter(pk__lt=before)
    page = list(found[: min(limit, MOST)])
    counted = {
        row.pop("id"): row
        for row in rows(reading_queries.OF_ROLLOUTS, {"rollouts": [one.pk for one in page]})
    }
    return [Listed(one, counted.get(one.pk, {})) for one in page]


def read_rollout(*, actor: Actor, rollout_id: UUID) -> RolloutView:
    """Return what its page shows. Raises Refused forbidden 403, rollout_not_found 404."""
    rollout = the_rollout(actor, rollout_id)
    stages = rows(reading_queries.STAGES, {"rollout": rollout_id})
    gates: dict[int, list[Gate]] = {row["id"]: [] for row in stages}
    for gate in (
        Gate.objects.filter(stage__in=list(gates)).order_by("side", "position").prefetch_related("approvals")
    ):
        gates[gate.stage_id].append(gate)
    totals = rows(reading_queries.OF_ROLLOUTS, {"rollouts": [rollout_id]})
    limits = facts.limits_of(rollout.limits)
    tallies = _said_now(
        rollout_id, _over_stages(Tally.objects.filter(rollout=rollout, targets__gt=0).order_by("-targets"))
    )
    return RolloutView(
        rollout=rollout,
        counts={name: count for name, count in totals[0].items() if name != "id"} if totals else {},
        stages=[
            StageView(
                row,
                gates[row["id"]],
                limits.concurrency.get(("stage", str(row["position"]))),
                limits.failures.get(("stage", str(row["position"]))),
                limits.concurrency.get(ROLLOUT),
            )
            for row in stages
        ],
        places=rows(reading_queries.PLACES, {"rollout": rollout_id}),
        burn=_burn(rollout_id, limits),
        finish=kept_estimate(rollout),
        errors=[one for one in tallies if one.state == TargetState.FAILED],
        reasons=[
            *_at_a_stand(rollout_id),
            *(one for one in tallies if one.state not in OTHERWISE_TOLD),
        ],
        health=list(HealthPoint.objects.filter(rollout=rollout).order_by("-at")[:MOST_POINTS])[::-1],
        stop=EmergencyStop.objects.filter(released_at=None).first(),
    )


@dataclass(frozen=True)
class TargetFilter:
    """Which targets of a rollout; what is empty narrows nothing."""

    state: str = ""
    stage: int | None = None  # its position
    reason_code: str = ""
    signature: str = ""
    tenant: str = ""  # slug
    region: str = ""
    landscape: str = ""  # key
    search: str = ""  # how words of the runtime's name begin
    not_done: bool = False  # failed, skipped or left behind

    def columns(self) -> dict[str, Any]:
        """Return what Django's filter takes; raises Refused filter_invalid."""
        if self.state and self.state not in {one.value for one in TargetState}:
            known = [one.value for one in TargetState]
            detail = f"A target has no state {shown(self.state)}. {choices(known, self.state)}"
            raise Refused("filter_invalid", detail, field="state")
        narrowed: dict[str, Any] = {
            "state": self.state,
            "stage__position": self.stage,
            "reason_code": self.reason_code,
            "runtime__tenant__slug": self.tenant,
            "runtime__region": self.region,
            "runtime__landscape__key": self.landscape,
            "state__in": NOT_DONE if self.not_done else "",
        }
        return {name: value for name, value in narrowed.items() if value not in {"", None}}


def list_targets(
    *, actor: Actor, rollout_id: UUID, narrowed: TargetFilter, after: int = -1, limit: int = 50
) -> list[Target]:
    """Return a page in the rollout's order, with runtime, tenant, stage and operation loaded; `after` is the last position.

    Raises Refused forbidden 403, rollout_not_found 404, filter_invalid.
    """
    the_rollout(actor, rollout_id)
    found = Target.objects.filter(rollout=rollout_id, position__gt=after).filter(**narrowed.columns())
    if narrowed.signature:
        found = found.filter(of_signature(narrowed.signature))
    if narrowed.search:
        found = found.filter(runtime__in=_named(narrowed.search))
    most = min(limit, MOST)
    if narrowed.signature or narrowed.tenant or narrowed.landscape:
        # Often all of these are met before the first is known, and sorted: without what only a page's rows are to show.
        found = Target.objects.filter(
            pk__in=list(found.order_by("position").values_list("pk", flat=True)[:most])
        )
    loaded: QuerySet[Target] = found.select_related(
        "runtime__tenant", "runtime__account", "stage", "operation"
    ).defer(*HEAVY)
    return list(loaded.order_by("position")[:most])


def read_feed(
    *, actor: Actor, rollout_id: UUID, since: datetime | None = None, limit: int = 50
) -> list[Target]:
    """Return the targets that changed last, newest first: the live feed. Rides on target_feed. Raises Refused 403, 404."""
    the_rollout(actor, rollout_id)
    loaded = Target.objects.filter(rollout=rollout_id).select_related("runtime__tenant", "stage")
    found = loaded.defer(*HEAVY)
    if since:
        found = found.filter(since__gt=since)
    return list(found.order_by("-since")[: min(limit, MOST)])


def read_failures(*, actor: Actor, rollout_id: UUID, began: datetime, minutes: int) -> list[Failures]:
    """Return the failures that stand by cause, stage and piece of `minutes` since `began`. Raises Refused 403, 404."""
    the_rollout(actor, rollout_id)
    wanted = {"rollout": rollout_id, "began": began, "minutes": minutes}
    return [Failures(**row) for row in rows(reading_queries.FAILURES, wanted)]


def _over_stages(tallies: Iterable[Tally]) -> list[Tally]:
    """Return one of each state and code for all stages together, the most frequent first."""
    found: dict[tuple[str, str], Tally] = {}
    for one in tallies:
        same = found.setdefault((one.state, one.code), one)
        if same is not one:
            same.targets += one.targets
            same.first_at, same.last_at = min(same.first_at, one.first_at), max(same.last_at, one.last_at)
    return sorted(found.values(), key=lambda one: -one.targets)


def _said_now(rollout_id: UUID, tallies: list[Tally]) -> list[Tally]:
    """Let those of whoever waits say what holds now; each statement that counts them left its own words there."""
    waiting = {
        (one.state, one.code): one
        for one in tallies
        if one.state in {TargetState.WAITING, TargetState.BLOCKED}
    }
    if waiting:
        states, codes = ([key[at] for key in waiting] for at in (0, 1))
        wanted = {"rollout": rollout_id, "states": states, "codes": codes}
        for row in rows(reading_queries.SAID_NOW, wanted):
            waiting[row["state"], row["code"]].sample = row["reason"]
    return tallies


def _at_a_stand(rollout_id: UUID) -> list[Tally]:
    """Return those at work who are stuck or paused, as tallies have others."""
    return [
        Tally(
            state=TargetState.RUNNING, code=row["code"], targets=row["targets"], sample=row["reason"],
            first_at=row["first_at"], last_at=row["last_at"],
        )
        for row in rows(reading_queries.AT_A_STAND, {"rollout": rollout_id})
    ]  # fmt: skip


def _named(text: str) -> Sequence[UUID] | QuerySet[Any, UUID]:
    """Return whose names are meant: few are found by the names' index, many are met soon on the way through the targets."""
    wanted = words_begin(text)
    if not wanted:
        return ()
    every = Runtime.objects.filter(wanted).values_list("pk", flat=True)
    found = list(every[: FOUND_BY_NAME + 1])
    return found if len(found) <= FOUND_BY_NAME else every


def _burn(rollout_id: UUID, limits: Any) -> list[Burn]:
    lanes = [facts.lane_of(row).lane for row in rows(queries.LANES, {"rollout": rollout_id})]
    blamed = Places(lanes, limits).blamed
    found = [
        Burn(" ".join(scope), blamed.get(scope, 0), allowed) for scope, allowed in limits.failures.items()
    ]
    return sorted(found, key=lambda one: -(one.failed / (one.allowed or 0.5)))
