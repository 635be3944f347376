"""Looks at what a rollout does to runtimes: health of both cohorts for the breaker, progress of those at work, later members."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from django.db import connection

from controlplane.tenants.isolation.prepared import rows
from provisioner.lifecycle.upgrade_way import release_named
from provisioner.operations import flowbook
from provisioner.rollouts import breaker, looking_queries, members, ports
from provisioner.rollouts.breaker import Cohort
from provisioner.rollouts.budget import Places
from provisioner.rollouts.facts import Facts, read_lanes
from provisioner.rollouts.finishing import NO_END, columns_of, finish_of
from provisioner.rollouts.joining import join_later_members
from provisioner.rollouts.models import HealthPoint, Rollout
from provisioner.rollouts.ports import Upgraded
from provisioner.rollouts.stopping import halt
from provisioner.runtimes.phases import Kind

EVERY, JOIN_EVERY = timedelta(seconds=15), timedelta(minutes=1)
NOBODY = Cohort(0, 0)
MEASURED = 500  # upgraded members, of which a footprint is asked
POINTS, A_LINE = (
    50,
    2,
)  # of the health chart: how fine it is, and the fewest between which one could be left out
ILL = ("upgraded_unhealthy", "control_unhealthy")


def look(facts: Facts, now: datetime) -> None:
    """Do what is due of a rollout that runs; a breaker that trips halts it."""
    joined = facts.row["joined_at"]
    if facts.plan.get("join") != "none" and (joined is None or now >= joined + JOIN_EVERY):
        if join_later_members(facts, now):
            read_lanes(facts)
        Rollout.objects.filter(pk=facts.id).update(joined_at=now)
    if _is_due(facts, now):
        _tell_where_they_are(facts, now)
        rows(looking_queries.LEAVE, {"rollout": facts.id, "now": now})
        if _tell_budgets(facts):
            rows(looking_queries.LEAVE_OVER_BUDGET, {"rollout": facts.id, "now": now})
        read_lanes(facts)
        _ask_breaker(facts, now)


def watch(facts: Facts, now: datetime) -> None:
    """Say of a rollout that stands still what goes on all the same: who is at work, done by hand, ill; nobody is left behind.

    Whoever has to decide whether it goes on sees what is so by now. When it ends nobody can say meanwhile.
    """
    if _is_due(facts, now):
        _tell_where_they_are(facts, now)
        _tell_budgets(facts)
        _keep_point(facts, *cohorts(facts), now)
        Rollout.objects.filter(pk=facts.id).update(**NO_END, looked_at=now)


def stand_still(facts: Facts, now: datetime) -> None:
    """Remember since when a rollout does not run."""
    if facts.row["still_since"] is None:
        rows(looking_queries.STANDS_STILL, {"rollout": facts.id, "now": now})


def go_on(facts: Facts, now: datetime) -> None:
    """Let the deadlines of a rollout that runs again be later by as long as it stood still."""
    if facts.row["still_since"] is not None:
        rows(looking_queries.GOES_ON, {"rollout": facts.id, "now": now})


def _is_due(facts: Facts, now: datetime) -> bool:
    looked = facts.row["looked_at"]
    return looked is None or bool(now >= looked + EVERY)


def _tell_where_they_are(facts: Facts, now: datetime) -> None:
    rows(looking_queries.TELL_PROGRESS, {"rollout": facts.id, "titles": json.dumps(_titles())})
    done = [facts.release, *members.ahead_of(release_named(facts.release))]
    rows(looking_queries.ON_IT, {"rollout": facts.id, "releases": done, "now": now})


def cohorts(facts: Facts) -> tuple[Cohort, Cohort]:
    """Return the upgraded ones and those that are not yet, each with how many turned unhealthy."""
    with connection.cursor() as cursor:
        cursor.execute(looking_queries.COHORTS, {"rollout": facts.id})
        upgraded, bad, control, bad_control = cursor.fetchone()
    return Cohort(upgraded, bad), Cohort(control, bad_control)


def _titles() -> dict[str, str]:
    """What the steps of an upgrade are called for people."""
    return {step.name: step.title for step in flowbook.flow_of(Kind.UPGRADE).steps}


def _tell_budgets(facts: Facts) -> bool:
    """Say of those who are ready that their place, or group, is over its budget; that of a stage or of all halts it instead.

    Returns whether any are ready of whom that may be said.
    """
    if not any(scope[0] in {"landscape", "region", "group"} for scope in facts.limits.failures):
        return False
    places = Places([one.lane for one in facts.lanes.values()], facts.limits)
    waiting = {key: places.waits_for(one.lane) for key, one in facts.lanes.items() if one.ready}
    codes, reasons = ([words[at] for words in waiting.values()] for at in (0, 1))
    if waiting:
        rows(looking_queries.TELL_BUDGETS, {"lanes": list(waiting), "codes": codes, "reasons": reasons})
    return bool(waiting)


def footprint_change(facts: Facts, now: datetime) -> float | None:
    """Return by how many percent the platform's share of those upgraded last has grown; None: not measured yet."""
    if ports.footprint_change is None:
        return None
    found = rows(looking_queries.UPGRADED, {"rollout": facts.id, "most": MEASURED})
    upgraded = [Upgraded(row["runtime_id"], row["started_at"], row["finished_at"]) for row in found]
    return ports.footprint_change(upgraded, now)


def _ask_breaker(facts: Facts, now: datetime) -> None:
    row = facts.row
    memory = breaker.Memory(row["breaker_looks"], row["breaker_height"], row["breaker_control_rate"])
    finding = breaker.Finding(trips=False, memory=memory)
    upgraded, control = cohorts(facts)
    _keep_point(facts, upgraded, control, now)
    if facts.plan.get("breaker", True):
        finding = breaker.look(upgraded, control, memory)
    after = finding.memory
    lanes = facts.lanes.values()
    made = finish_of(rollout_id=facts.id, plan=facts.plan, limits=facts.limits, lanes=lanes, now=now)
    Rollout.objects.filter(pk=facts.id).update(
        **columns_of(made),
        looked_at=now,
        breaker_looks=after.looks,
        breaker_height=after.height,
        breaker_control_rate=after.control_rate,
    )
    if finding.trips:
        halt(facts, f"Breaker: {finding.reason}")


def _keep_point(facts: Facts, upgraded: Cohort, control: Cohort, now: datetime) -> None:
    """Keep a point of the chart where something changed: a rollout that stands still writes none.

    While nobody falls ill or gets well, the last point moves along until it is a fiftieth of the rollout's age from the one
    before: a rollout of weeks keeps hundreds of points, and those of its beginning too.
    """
    point = {
        "upgraded": upgraded.members,
        "upgraded_unhealthy": upgraded.unhealthy,
        "control": control.members,
        "control_unhealthy": control.unhealthy,
    }
    kept = list(HealthPoint.objects.filter(rollout=facts.id).order_by("-at")[:2])
    if kept and all(getattr(kept[0], name) == value for name, value in point.items()):
        return
    near = len(kept) == A_LINE and kept[0].at - kept[1].at < (now - facts.row["started_at"]) / POINTS
    if near and all(getattr(one, name) == point[name] for one in kept for name in ILL):
        HealthPoint.objects.filter(pk=kept[0].pk).update(at=now, **point)
    else:
        HealthPoint.objects.create(rollout_id=facts.id, at=now, **point)
