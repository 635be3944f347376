"""Writes targets: all of a rollout when it starts, and later members while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from controlplane.kernel.ids import uuid7
from controlplane.tenants.isolation.prepared import rows
from provisioner.lifecycle.upgrade_way import release_named
from provisioner.rollouts import heralding, joining_queries, members
from provisioner.rollouts.assigning import Place
from provisioner.rollouts.budget import Limits, parse_amount
from provisioner.rollouts.facts import Facts, StageFacts, stored
from provisioner.rollouts.models import Rollout, Stage, Target
from provisioner.rollouts.selector import Member, Selector, parse_selector
from provisioner.rollouts.states import BEGUN, StageState, TargetState


def add_targets(
    *,
    rollout_id: UUID,
    stages: Mapping[int, int],
    places: Sequence[Place],
    now: datetime,
    state: TargetState = TargetState.PLANNED,
    until: datetime | None = None,
) -> None:
    """Write these places, with the lanes they need; `stages` are rows' ids by number. Three statements, whatever the number.

    `until`: they were told now, and nothing of theirs begins before.
    """
    lanes = sorted({_lane(place, stages) for place in places}, key=str)
    columns: dict[str, object] = dict(
        zip(("stages", "groups", "landscapes", "regions"), map(list, zip(*lanes, strict=True)), strict=True)
    )
    rows(joining_queries.ADD_LANES, {"rollout": rollout_id, **columns})
    where = [_lane(place, stages) for place in places]
    rows(
        joining_queries.ADD_TARGETS,
        {
            "rollout": rollout_id,
            "now": now,
            "state": state.value,
            "until": until,
            "code": "notice" if until else "stage",
            "reason": notice_words(now, until) if until else "its stage has not begun",
            "ids": [uuid7() for _ in places],
            "stages": [one[0] for one in where],
            "groups": [one[1] for one in where],
            "landscapes": [one[2] for one in where],
            "regions": [one[3] for one in where],
            "runtimes": [place.member.runtime_id for place in places],
            "positions": [place.position for place in places],
            "releases": [place.member.release for place in places],
            "healthy": [place.member.healthy for place in places],
        },
    )


def notice_words(told: datetime, until: datetime) -> str:
    """Say of who joined later when its tenant was told, and what that holds back until when."""
    return f"told on {told:%d %b %H:%M} UTC, not before {until:%d %b %H:%M} UTC"


def _lane(place: Place, stages: Mapping[int, int]) -> tuple[int, str, UUID, str]:
    return stages[place.stage], place.group, place.member.landscape_id, place.member.region


def join_later_members(facts: Facts, now: datetime) -> int:
    """Let runtimes that the selector finds since the start join the last stage, as long as that has not ended."""
    last = facts.stages[-1]
    if last.state in {StageState.PASSED, StageState.SKIPPED, StageState.LEAVING}:
        return 0
    selector = parse_selector(facts.row["selector"])
    ahead = members.ahead_of(release_named(facts.release))
    found = [
        one
        for one in members.not_members_yet(facts.release, facts.id)
        if one.release not in ahead and selector.matches(one)
    ]
    if not found:
        return 0
    _append(facts, last, found, now)
    return len(found)


def _groups_of(facts: Facts, stage: StageFacts) -> list[tuple[str, Selector]]:
    """Return the groups of a stage that the plan writes out; the default ones have none."""
    given = facts.plan.get("stages")
    groups = given[stage.position].get("groups") or [] if given else []
    return [(str(one["name"]).strip(), parse_selector(str(one["select"]))) for one in groups]


def _limit_new_places(facts: Facts, found: Sequence[Member]) -> None:
    """Let what holds of every landscape and region hold of those, too, where nobody was when the rollout started."""
    concurrency, failures = dict(facts.limits.concurrency), dict(facts.limits.failures)
    for kind, key_of in (
        ("landscape", lambda one: str(one.landscape_id)),
        ("region", lambda one: str(one.region)),
    ):
        given = facts.plan.get(f"per_{kind}") or {}
        for key, members_there in Counter(map(key_of, found)).items():
            for name, kept, least in (("max_concurrency", concurrency, 1), ("max_failures", failures, 0)):
                if given.get(name) is not None:
                    amount = parse_amount(given[name], name, positive=bool(least))
                    kept.setdefault((kind, key), amount.of(members_there, least=least))
    if (concurrency, failures) != (facts.limits.concurrency, facts.limits.failures):
        facts.limits = Limits(concurrency, failures)
        limits = {"concurrency": stored(concurrency), "failures": stored(failures)}
        Rollout.objects.filter(pk=facts.id).update(limits=limits)


def _append(facts: Facts, last: StageFacts, found: Sequence[Member], now: datetime) -> None:
    newest = Target.objects.filter(rollout=facts.id).order_by("-position").values_list("position", flat=True)
    first = (newest.first() or 0) + 1
    groups = _groups_of(facts, last)
    places = [
        Place(
            one, last.position, next((name for name, fits in groups if fits.matches(one)), ""), first + count
        )
        for count, one in enumerate(found)
    ]
    _limit_new_places(facts, found)
    state = TargetState.WAITING if last.state in BEGUN else TargetState.PLANNED
    hours = float(facts.plan.get("notice_hours") or 0)
    until = now + timedelta(hours=hours) if hours else None
    where = {last.position: last.id}
    add_targets(rollout_id=facts.id, stages=where, places=places, now=now, state=state, until=until)
    heralding.tell_joined(facts, [one.runtime_id for one in found], until, now)
    Stage.objects.filter(pk=last.id).update(total=Target.objects.filter(stage=last.id).count())
    Rollout.objects.filter(pk=facts.id).update(total=Target.objects.filter(rollout=facts.id).count())
