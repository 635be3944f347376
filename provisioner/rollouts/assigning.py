"""Which runtime comes in which stage and group, and what each limit comes to: done once, when a rollout starts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from controlplane.kernel.errors import Refused
from provisioner.rollouts.budget import ROLLOUT, Scope
from provisioner.rollouts.canaries import stand_in
from provisioner.rollouts.plan import Plan, StagePlan
from provisioner.rollouts.selector import Member, cohort_of


@dataclass(frozen=True)
class Place:
    """Where a member stands; `position` orders the whole rollout."""

    member: Member
    stage: int
    group: str
    position: int


@dataclass(frozen=True)
class Frozen:
    """A plan as it will be done: its stages with members, every member's place, every limit as a number."""

    stages: tuple[StagePlan, ...]
    places: tuple[Place, ...]
    concurrency: dict[Scope, int]  # stages by their number
    failures: dict[Scope, int]
    sooner: int = 0  # canaries that stand in for others like them whose window opens days later


def freeze(
    plan: Plan,
    members: Sequence[Member],
    *,
    salt: str = "",
    last: Collection[UUID] = frozenset(),
    waits: Mapping[UUID, int] = MappingProxyType({}),
) -> Frozen:
    """Return every member's place and every limit as a number.

    Raises Refused selection_empty, stage_without_targets, members_without_stage; `salt` makes the random order another one.
    Runtimes in `last`, which can't be upgraded for now, come behind all others: they prove nothing as canaries. `waits` says of
    which windows open days behind the first stage's beginning, and how many: where the order is random, others like them stand in
    for such canaries (`canaries.stand_in`), as one that waits for a week holds up everybody.
    """
    _refuse_nobody(members)
    left = sorted(members, key=lambda member: (member.runtime_id in last, *_order(plan, member, salt)))
    stages: list[StagePlan] = []
    places: list[Place] = []
    sooner = 0
    for number, stage in enumerate(plan.stages):
        taken = _members_of(stage, left, len(members))
        if waits and not number and plan.order == "random":
            drawn, taken = taken, stand_in(taken, _fitting(stage, left), last, waits)
            sooner = len({one.runtime_id for one in taken} - {one.runtime_id for one in drawn})
        if not taken:
            if plan.fitted:
                continue
            raise _nobody(stage)
        gone = {member.runtime_id for member in taken}
        left = [member for member in left if member.runtime_id not in gone]
        places += [
            Place(member, len(stages), _group(stage, member), len(places) + count)
            for count, member in enumerate(taken)
        ]
        stages.append(stage)
    if left:
        detail = f"{len(left)} selected runtimes come in no stage; end with a stage whose share is “rest”, or select fewer."
        raise Refused("members_without_stage", detail, field="stages")
    return Frozen(tuple(stages), tuple(places), *_limits(plan, stages, places), sooner=sooner)


def _refuse_nobody(members: Sequence[Member]) -> None:
    if not members:
        detail = "No runtime is selected: all are up to date, or the selector is too narrow. Widen it."
        raise Refused("selection_empty", detail, field="selector")


def _members_of(stage: StagePlan, left: Sequence[Member], total: int) -> list[Member]:
    fitting = _fitting(stage, left)
    if stage.share is None:
        return fitting
    return fitting[: stage.share.of(total, least=1)]


def _fitting(stage: StagePlan, left: Sequence[Member]) -> list[Member]:
    return [member for member in left if stage.selector is None or stage.selector.matches(member)]


def _group(stage: StagePlan, member: Member) -> str:
    return next((group.name for group in stage.groups if group.selector.matches(member)), "")


def _order(plan: Plan, member: Member, salt: str) -> tuple[object, ...]:
    if plan.order == "name":
        return (member.tenant, member.name, member.runtime_id)
    return (cohort_of(member.runtime_id, salt), member.runtime_id)


def _nobody(stage: StagePlan) -> Refused:
    fix = (
        "Leave it out"
        if stage.selector is None
        else f"Change its select ({stage.selector.text}) or leave it out"
    )
    detail = f"Stage {stage.name} finds no runtime that an earlier stage has not taken. {fix}."
    return Refused("stage_without_targets", detail, field="stages")


def _limits(
    plan: Plan, stages: Sequence[StagePlan], places: Sequence[Place]
) -> tuple[dict[Scope, int], dict[Scope, int]]:
    concurrency: dict[Scope, int] = {ROLLOUT: plan.max_concurrency.of(len(places), least=1)}
    failures: dict[Scope, int] = {ROLLOUT: plan.max_failures.of(len(places), least=0)}
    by_stage = Counter(place.stage for place in places)
    by_group = Counter((place.stage, place.group) for place in places)
    for number, stage in enumerate(stages):
        scope = ("stage", str(number))
        if stage.max_concurrency is not None:
            concurrency[scope] = stage.max_concurrency.of(by_stage[number], least=1)
        if stage.max_failures is not None:
            failures[scope] = stage.max_failures.of(by_stage[number], least=0)
        for group in stage.groups:
            within, members = ("group", str(number), group.name), by_group[(number, group.name)]
            if group.max_concurrency is not None:
                concurrency[within] = group.max_concurrency.of(members, least=1)
            if group.max_failures is not None:
                failures[within] = group.max_failures.of(members, least=0)
    _per_place(plan, places, concurrency, failures)
    return concurrency, failures


def _per_place(
    plan: Plan, places: Sequence[Place], concurrency: dict[Scope, int], failures: dict[Scope, int]
) -> None:
    counts = {
        "landscape": Counter(str(place.member.landscape_id) for place in places),
        "region": Counter(place.member.region for place in places),
    }
    for kind, limits in (("landscape", plan.per_landscape), ("region", plan.per_region)):
        for key, members in counts[kind].items():
            if limits.max_concurrency is not None:
                concurrency[kind, key] = limits.max_concurrency.of(members, least=1)
            if limits.max_failures is not None:
                failures[kind, key] = limits.max_failures.of(members, least=0)
