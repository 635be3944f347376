"""Works out what a rollout would do now, and refuses what can't be: the same for a preview, a draft and a start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.catalog.facts import snapshot
from controlplane.catalog.hops import plan_hops
from controlplane.catalog.loading.on_disk import refuse_changed
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.prepared import rows
from provisioner.lifecycle.upgrade_way import blockers_of, release_named
from provisioner.modules.versions import objections_to
from provisioner.rollouts import members, queries
from provisioner.rollouts.assigning import Frozen, freeze
from provisioner.rollouts.calendars import NEVER, Calendar
from provisioner.rollouts.canaries import days_of_waiting
from provisioner.rollouts.gates.registry import least_wait
from provisioner.rollouts.lateness import refuse_all_late
from provisioner.rollouts.meetable import refuse_unmeetable
from provisioner.rollouts.plan import Plan, parse_plan, with_notice
from provisioner.rollouts.schedules import Schedules
from provisioner.rollouts.selector import Member, Selector, parse_selector

NOBODY = UUID(int=0)
PASSING = frozenset(
    {"runtime_pinned", "runtime_suspended", "upgrade_blocked"}
)  # may be over when its turn comes


@dataclass(frozen=True)
class Ineligible:
    """A runtime that can't be upgraded as things stand, and why."""

    member: Member
    code: str
    reason: str

    @property
    def passing(self) -> bool:
        """Whether it may be otherwise by the time its turn comes: it stays a target and is tried."""
        return self.code in PASSING


@dataclass(frozen=True)
class Planned:
    """A rollout as it would be now."""

    release: ReleaseFacts
    selector: Selector
    plan: Plan
    selected: Sequence[Member]
    frozen: Frozen
    ineligible: Sequence[Ineligible]
    calendars: Mapping[UUID, Calendar]  # of runtimes that may not be upgraded at any time
    # Seconds from now at which each stage begins at the earliest, as far as its gates say.
    begins: Sequence[float]


def plan_rollout(
    *,
    release: str,
    selector: str,
    plan: Mapping[str, Any],
    urgent: bool,
    overlap: bool,
    now: datetime,
    rollout_id: UUID = NOBODY,
) -> Planned:
    """Return the plan; raises Refused for everything that would not come out as meant, with the reason and the fix."""
    wanted = release_named(release)
    _refuse_release(wanted, now)
    words = members.known_words()
    given = parse_plan(plan, now=now, words=words)
    parsed = with_notice(given, 0 if urgent else settings.ROLLOUT_NOTICE_HOURS)
    if parsed.windows == "ignore" and not urgent:
        detail = "Only an urgent rollout may ignore maintenance windows; make it urgent, or respect them."
        raise Refused("windows_not_ignorable", detail, field="windows")
    refuse_unmeetable(given.stages)
    chosen = parse_selector(selector, words)
    selected = _not_ahead([one for one in members.candidates(release) if chosen.matches(one)], wanted)
    ineligible = _ineligible(selected, wanted, now)
    lasting = {one.member.runtime_id for one in ineligible if not one.passing}
    if lasting and parsed.ineligible == "refuse":
        raise _refuse_ineligible(ineligible, len(selected))
    eligible = [one for one in selected if one.runtime_id not in lasting]
    calendars = {} if parsed.windows == "ignore" else _calendars(eligible, now)
    _refuse_never_open(eligible, calendars)
    first = least_wait([(gate.kind, gate.settings) for gate in parsed.stages[0].before], now)
    frozen = freeze(
        parsed, eligible, salt=release, last={one.member.runtime_id for one in ineligible},
        waits=days_of_waiting(calendars, now, first),
    )  # fmt: skip
    refuse_all_late(frozen, calendars, now)
    if not (overlap or urgent):
        _refuse_overlap(eligible, rollout_id)
    begins = _begins(frozen, now)
    return Planned(wanted, chosen, parsed, selected, frozen, ineligible, calendars, begins)


def _refuse_release(release: ReleaseFacts, now: datetime) -> None:
    if release.published_at is None:
        detail = f"Release {release.key} is a draft; publish it first."
        raise Refused("release_unpublished", detail, field="release", status=409)
    if release.withdrawn:
        detail = f"Release {release.key} was withdrawn ({release.withdrawn}); choose another one."
        raise Refused("release_withdrawn", detail, field="release", status=409)
    if release.end_of_life is not None and release.end_of_life <= now.date():
        detail = f"Release {release.key} has been at its end of life since {release.end_of_life}; choose a newer one."
        raise Refused("release_expired", detail, field="release", status=409)
    for objection in objections_to(release.modules):
        detail = f"Release {release.key} can't be installed: {objection.detail} Publish one that can."
        raise Refused(objection.code, detail, field="release", status=409)
    refuse_changed(release.key)


def _not_ahead(selected: Sequence[Member], wanted: ReleaseFacts) -> Sequence[Member]:
    """Leave out those on a newer release: they are done. Raises Refused release_older when that is everybody."""
    ahead = members.ahead_of(wanted)
    left = [one for one in selected if one.release not in ahead]
    if selected and not left:
        first = selected[0]
        detail = (
            f"All {len(selected)} selected runtimes are on a newer release, for example {first.name} on {first.release}, and "
            "versions never go down. Choose a newer release."
        )
        raise Refused("release_older", detail, field="release", status=409)
    return left


def _ineligible(selected: Sequence[Member], wanted: ReleaseFacts, now: datetime) -> list[Ineligible]:
    ways: dict[str, Refused | None] = {one.release: None for one in selected}
    releases = snapshot().every_release
    for key in ways:
        try:
            plan_hops(release_named(key), wanted, releases.values(), today=now.date())
        except Refused as refused:
            ways[key] = refused
    blockers = blockers_of([one.runtime_id for one in selected], wanted)
    offered = set(wanted.machine_image.get("architectures", ()))
    found = []
    for one in selected:
        why = _why_not(one, ways[one.release], wanted.key, offered)
        if why is None and (found_before := blockers.get(one.runtime_id)):
            why = "upgrade_blocked", " ".join(blocker.detail for blocker in found_before[:3])
        if why:
            found.append(Ineligible(one, *why))
    return found


def _why_not(one: Member, way: Refused | None, release: str, offered: set[str]) -> tuple[str, str] | None:
    if way is not None:
        return way.code, way.detail
    lacking = sorted(set(one.architectures) - offered)
    if lacking and offered:
        return "plan_unsupported", f"Release {release} has no machine image for {', '.join(lacking)}."
    if one.suspended or one.unbuilt:
        return "runtime_suspended", "It is suspended or was never ready; resume it, or skip it."
    if one.pinned and one.pinned != release:
        return "runtime_pinned", f"Its own people pinned it to release {one.pinned}."
    return None


def _refuse_ineligible(ineligible: Sequence[Ineligible], selected: int) -> Refused:
    lasting = [one for one in ineligible if not one.passing]
    code, count = Counter(one.code for one in lasting).most_common(1)[0]
    first = next(one for one in lasting if one.code == code)
    more = f", and {len(lasting) - count} for other reasons" if len(lasting) > count else ""
    detail = (
        f"{count} of {selected} selected runtimes can't go to this release{more}; for example {first.member.name}: "
        f"{first.reason} Select without them, or set `ineligible` to leave them behind with this reason."
    )
    return Refused(code, detail, field="selector", status=409)


def _calendars(eligible: Sequence[Member], now: datetime) -> dict[UUID, Calendar]:
    """Return when each may begin that may not at any time; those whose windows are the same share a calendar."""
    asked: list[dict[str, Any]] = [
        {"tenant_id": one.tenant_id, "plan_id": one.plan, "runtime_id": one.runtime_id} for one in eligible
    ]
    schedules = Schedules.of(asked, now)
    rules = {row["runtime_id"]: schedules.rules_for(row) for row in asked}
    made = {one: Calendar(*one, now) for one in set(rules.values()) if any(one)}
    return {key: made[one] for key, one in rules.items() if one in made}


def _begins(frozen: Frozen, now: datetime) -> list[float]:
    at, begins = 0.0, list[float]()
    for stage in frozen.stages:
        for number, gates in enumerate((stage.before, stage.after)):
            asked = [(gate.kind, gate.settings) for gate in gates]
            at += least_wait(asked, now + timedelta(seconds=at))
            if not number:
                begins.append(at)
    return begins


def _refuse_never_open(eligible: Sequence[Member], calendars: Mapping[UUID, Calendar]) -> None:
    never = [
        one for one in eligible if one.runtime_id in calendars and calendars[one.runtime_id](0.0) == NEVER
    ]
    if never:
        detail = (
            f"The maintenance window of {len(never)} selected runtimes never opens, for example that of {never[0].name} of "
            f"{never[0].tenant}: change the window, end the exclusion, or select without them."
        )
        raise Refused("window_never_opens", detail, field="selector", status=409)


def _refuse_overlap(eligible: Sequence[Member], rollout_id: UUID) -> None:
    wanted = {"runtimes": [one.runtime_id for one in eligible], "rollout": rollout_id}
    found = rows(queries.OVERLAPPING, wanted)
    if found:
        listed = ", ".join(f"{row['name']} ({row['count']})" for row in found)
        detail = (
            f"Other rollouts are to upgrade some of these runtimes: {listed}. Select without them, wait until those have "
            "ended, or allow the overlap: then each runtime waits for its other rollout."
        )
        raise Refused("rollouts_overlap", detail, field="overlap", status=409)
