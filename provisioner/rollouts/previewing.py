"""What a rollout would do, before it does: order, blast radius, windows, who can't come along, and when it would be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf
from statistics import fmean
from typing import Any
from uuid import UUID

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import ports, queries
from provisioner.rollouts.budget import ROLLOUT, Lane
from provisioner.rollouts.calendars import Party, fewer
from provisioner.rollouts.estimate import NOTHING_KNOWN, Estimate, StageLeft, Waits, estimate
from provisioner.rollouts.estimate_places import StagePlaces, places_of
from provisioner.rollouts.gates.registry import least_wait, words_of
from provisioner.rollouts.lateness import CODE, Late, late_of, to_the_second
from provisioner.rollouts.permitted import may_manage
from provisioner.rollouts.plan import GatePlan
from provisioner.rollouts.planning import Ineligible, Planned, plan_rollout
from provisioner.rollouts.selector import Member

SAMPLES = 5
REASONS = 5  # of one code that are told apart
MOST_PARTIES = 500  # of a stage, whose windows are told apart
PAST = 500  # durations that an estimate looks back on


@dataclass(frozen=True)
class StagePreview:
    """One stage: who first, how many at once, what before and behind."""

    name: str
    members: int
    first: Sequence[str]  # names of the first few runtimes, in order
    max_concurrency: int
    max_failures: int | None
    gates_before: Sequence[str]
    gates_after: Sequence[str]
    tenants: int
    revenue: Mapping[str, Decimal]  # of these tenants' last statements, by currency
    wait_for_windows: int = 0  # whose window is shut when the stage begins, at the earliest
    sooner: int = 0  # of them, those that stand in for others like them whose window opens days later
    left_behind: int = 0  # whose window surely opens behind the deadline


@dataclass(frozen=True)
class Left:
    """Runtimes that can't be upgraded for one reason."""

    code: str
    reason: str
    count: int
    names: Sequence[str]
    passing: bool


@dataclass(frozen=True)
class Preview:
    """The whole of it."""

    release: str
    selector: str
    members: int
    stages: Sequence[StagePreview]
    max_concurrency: int
    max_failures: int
    tenants: int
    plans: Mapping[str, int]
    regions: Mapping[str, int]
    releases: Mapping[str, int]  # what they run now
    revenue: Mapping[str, Decimal]
    wait_for_windows: int
    latest_window: datetime | None
    ineligible: Sequence[Left]
    finish: Estimate
    left_behind: int = 0  # of all stages, for their window


def preview_rollout(
    *,
    actor: Actor,
    release: str,
    selector: str,
    plan: Mapping[str, Any],
    urgent: bool = False,
    overlap: bool = False,
) -> Preview:
    """Return what such a rollout would do now, and write nothing; raises Refused as a start would."""
    may_manage(actor)
    now = utcnow()
    planned = plan_rollout(
        release=release, selector=selector, plan=plan, urgent=urgent, overlap=overlap, now=now
    )
    return preview_of(planned, now)


def preview_of(planned: Planned, now: datetime) -> Preview:
    """Return the preview of a plan."""
    frozen = planned.frozen
    by_stage: list[list[Member]] = [[] for _ in frozen.stages]
    for place in frozen.places:
        by_stage[place.stage].append(place.member)
    everyone = [place.member for place in frozen.places]
    earned = _revenue(everyone)
    waits = [_waits_of(planned, number, group) for number, group in enumerate(by_stage)]
    places, past = _places(planned), past_seconds()
    late = late_of(frozen, planned.calendars, now, _works(by_stage, places, past))
    behind = {one.stage: len(one.members) for one in late}
    return Preview(
        release=planned.release.key,
        selector=planned.selector.text,
        members=len(everyone),
        stages=[
            replace(
                _stage(planned, number, group, earned, places[number].at_once),
                wait_for_windows=len(waits[number]),
                left_behind=behind.get(number, 0),
            )
            for number, group in enumerate(by_stage)
        ],
        max_concurrency=frozen.concurrency[ROLLOUT],
        max_failures=frozen.failures[ROLLOUT],
        tenants=len({one.tenant_id for one in everyone}),
        plans=Counter(one.plan for one in everyone),
        regions=Counter(one.region for one in everyone),
        releases=Counter(one.release for one in everyone),
        revenue=_sum(earned, everyone),
        wait_for_windows=sum(map(len, waits)),
        latest_window=max((to_the_second(now, one) for opens in waits for one in opens), default=None),
        ineligible=[*(_left_for_windows(planned, one) for one in late), *ineligible_of(planned)],
        finish=_finish(planned, by_stage, places, past, now),
        left_behind=sum(behind.values()),
    )


def _stage(
    planned: Planned,
    number: int,
    group: Sequence[Member],
    earned: Mapping[UUID, ports.Revenue],
    at_once: int,
) -> StagePreview:
    stage, frozen = planned.frozen.stages[number], planned.frozen
    scope = ("stage", str(number))
    return StagePreview(
        name=stage.name,
        members=len(group),
        first=[f"{one.tenant}/{one.name}" for one in group[:SAMPLES]],
        max_concurrency=at_once,
        max_failures=frozen.failures.get(scope),
        gates_before=[words_of(gate.kind, gate.settings) for gate in stage.before],
        gates_after=[words_of(gate.kind, gate.settings) for gate in stage.after],
        tenants=len({one.tenant_id for one in group}),
        revenue=_sum(earned, group),
        sooner=0 if number else frozen.sooner,
    )


def _waits_of(planned: Planned, number: int, group: Sequence[Member]) -> list[float]:
    """Return when the windows open, in seconds from now, of those for whom they are shut when their stage begins, if ever."""
    begins = planned.begins[number]
    mays = [may for one in group if (may := planned.calendars.get(one.runtime_id)) is not None]
    return [opens for may in mays if begins < (opens := may(begins)[0]) < inf]


def _places(planned: Planned) -> list[StagePlaces]:
    """Return what the limits come to in each stage."""
    lanes: list[dict[Lane, int]] = [{} for _ in planned.frozen.stages]
    counted = Counter(
        (place.stage, place.group, str(place.member.landscape_id), place.member.region)
        for place in planned.frozen.places
    )
    for (stage, group, landscape, region), count in counted.items():
        lanes[stage][Lane(0, str(stage), group, landscape, region)] = count
    return [places_of(within, planned.frozen.concurrency) for within in lanes]


def ineligible_of(planned: Planned) -> list[Left]:
    """Return them by reason, the most first; of a code with many reasons, those beyond the first few are told together."""
    groups: dict[tuple[str, str], list[Ineligible]] = {}
    for one in planned.ineligible:
        groups.setdefault((one.code, one.reason), []).append(one)
    told: dict[str, int] = Counter()
    rest: dict[str, list[list[Ineligible]]] = {}
    found = []
    for (code, reason), ones in sorted(groups.items(), key=lambda entry: -len(entry[1])):
        told[code] += 1
        if told[code] <= REASONS:
            found.append(_left_for(code, reason, ones))
        else:
            rest.setdefault(code, []).append(ones)
    for code, others in rest.items():
        reason = others[0][0].reason
        if len(others) > 1:
            reason = f"{len(others)} other reasons, for example: {reason}"
        found.append(_left_for(code, reason, [one for ones in others for one in ones]))
    return found


def _left_for(code: str, reason: str, ones: Sequence[Ineligible]) -> Left:
    return Left(code, reason, len(ones), [one.member.name for one in ones[:SAMPLES]], ones[0].passing)


def _works(
    by_stage: Sequence[Sequence[Member]], places: Sequence[StagePlaces], past: Sequence[float]
) -> list[float]:
    """Return how many seconds the upgrades of each stage take, as far as the past says."""
    each = fmean(past or NOTHING_KNOWN)
    return [len(group) * each / places[number].pace for number, group in enumerate(by_stage)]


def _left_for_windows(planned: Planned, late: Late) -> Left:
    stage, alone = planned.frozen.stages[late.stage].name, len(late.members) == 1
    opens = "never opens from its beginning on, as things stand."
    if late.opens is not None:
        first = "on" if alone else "the first on"
        opens = f"opens behind that deadline: {first} {late.opens:%d %b %Y %H:%M} UTC."
    reason = (
        f"Stage {stage} waits for windows until {late.deadline:%d %b %Y %H:%M} UTC at the least, and "
        f"{'its' if alone else 'their'} window {opens}"
    )
    return Left(CODE, reason, len(late.members), [one.name for one in late.members[:SAMPLES]], passing=False)


def _finish(
    planned: Planned,
    by_stage: Sequence[Sequence[Member]],
    places: Sequence[StagePlaces],
    past: Sequence[float],
    now: datetime,
) -> Estimate:
    rate = planned.plan.starts_per_minute
    stages = [
        StageLeft(
            members=len(group),
            places=places[number].pace,
            bound=places[number].bound_by,
            parties=_parties(planned, group),
            deadline=planned.frozen.stages[number].deadline_hours * 3600,
            before=_waits(planned.frozen.stages[number].before, now),
            behind=_waits(planned.frozen.stages[number].after, now),
            starts_per_second=rate / 60 if rate else None,
        )
        for number, group in enumerate(by_stage)
    ]
    return estimate(stages, past, now)


def _parties(planned: Planned, group: Sequence[Member]) -> list[Party]:
    found = Counter(may for one in group if (may := planned.calendars.get(one.runtime_id)) is not None)
    return fewer([Party(members, may) for may, members in found.items()], MOST_PARTIES)


def _waits(gates: Sequence[GatePlan], now: datetime) -> Waits:
    asked = [(gate.kind, gate.settings) for gate in gates]
    return lambda at: least_wait(asked, now + timedelta(seconds=at))


def past_seconds() -> list[float]:
    """Return what upgrades took lately."""
    return [row["seconds"] for row in rows(queries.PAST, {"most": PAST})]


def _revenue(everyone: Sequence[Member]) -> Mapping[UUID, ports.Revenue]:
    return ports.revenue(sorted({one.tenant_id for one in everyone})) if ports.revenue else {}


def _sum(earned: Mapping[UUID, ports.Revenue], group: Sequence[Member]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for tenant in {one.tenant_id for one in group}:
        if (one := earned.get(tenant)) is not None:
            total[one.currency] = total.get(one.currency, Decimal(0)) + one.amount
    return total
