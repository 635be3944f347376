"""Leads a rollout from stage to stage, through the gates between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import looking, models, queries
from provisioner.rollouts.budget import Places
from provisioner.rollouts.facts import Facts, StageFacts, read_lanes
from provisioner.rollouts.gates.base import Approval, Evidence, Verdict, shut
from provisioner.rollouts.gates.registry import gate_of
from provisioner.rollouts.models import Gate, Stage, Target
from provisioner.rollouts.states import DONE_STAGES, StageState, TargetState
from provisioner.rollouts.telling import tell

S, T = StageState, TargetState
SENT_BACK = ("window", "stopped")  # who is busy or refused comes again and again, and is waited for no longer


def bring_forward(facts: Facts, now: datetime) -> None:
    """Move the first stage that is not done as far as it goes now, and the ones behind it."""
    for stage in facts.stages:
        if stage.state in DONE_STAGES:
            continue
        _move(facts, stage, now)
        if stage.state not in DONE_STAGES:
            return


def _move(facts: Facts, stage: StageFacts, now: datetime) -> None:
    if stage.state is S.PENDING:
        _become(facts, stage, S.ENTERING, now)
    if stage.state is S.ENTERING and _gates_open(facts, stage, "before", now):
        _become(facts, stage, S.RUNNING, now)
        rows(queries.BEGIN_STAGE, {"stage": stage.id, "now": now})
        read_lanes(facts)
    if stage.state is S.LEAVING and not _is_done(facts, stage, now) and _is_taken_up_again(stage):
        _become(facts, stage, S.RUNNING, now, reason=_asked_anew(stage))
    if stage.state is S.RUNNING and _is_done(facts, stage, now):
        _become(facts, stage, S.LEAVING, now)
    if stage.state is S.LEAVING and _gates_open(facts, stage, "after", now):
        _become(facts, stage, S.PASSED, now)


def _is_done(facts: Facts, stage: StageFacts, now: datetime) -> bool:
    """Whether nothing of the stage is at work or about to be; who waits too long, or for somebody, does not hold it up.

    Of who was tried again the deadline counts anew: it holds the stage up until then.
    """
    lanes = facts.of_stage(stage.position)
    late = (now - stage.deadline).total_seconds() if stage.deadline is not None else -1.0
    overdue = late >= 0
    if any(lane.planned or lane.active for lane in lanes):
        return False
    if ready := [lane for lane in lanes if lane.ready]:
        places = Places([one.lane for one in facts.lanes.values()], facts.limits)
        if not overdue or any(not places.is_over(lane.lane) for lane in ready):
            return False
    if not any(lane.waiting for lane in lanes):
        return True
    return overdue and not _has_time_anew(stage, late) and not _is_anybody_sent_back(stage)


def _has_time_anew(stage: StageFacts, late: float) -> bool:
    """Whether somebody who was tried again may wait yet, so many seconds behind the deadline; rides on target_pages_of_stage."""
    own = Q(longer_seconds=None) | Q(longer_seconds__gt=late)
    again = Target.objects.filter(stage=stage.id, state=T.WAITING).exclude(reason_before="")
    return again.filter(own).exists()


def _is_anybody_sent_back(stage: StageFacts) -> bool:
    """Whether somebody had its turn, lost it, and is to be looked at again: its windows or its rollout did that.

    The look that comes to it makes it ready, or says until when it waits. Whether it is due says another clock than the look's
    own, so that is not asked. Rides on target_pages_of_stage.
    """
    back = Target.objects.filter(stage=stage.id, state=T.WAITING, reason_code__in=SENT_BACK)
    return back.filter(reason_until=None).exists()


def _is_taken_up_again(stage: StageFacts) -> bool:
    """Whether a member really began, or a person tried one again: what gates behind the stage were told is then out of date.

    A member that was blocked comes up every few minutes to be refused once more; that begins nothing. Rides on
    target_pages_of_stage.
    """
    members = Target.objects.filter(stage=stage.id)
    return (
        members.filter(state=T.RUNNING, operation__isnull=False).exists()
        or members.filter(state=T.WAITING, reason_code="again").exists()
    )


def _asked_anew(stage: StageFacts) -> str:
    """Let the gates behind the stage be asked as if never before, but those that a person forced; return what to say of it."""
    gates = Gate.objects.filter(stage=stage.id, side="after", opened_by="")
    given = models.Approval.objects.filter(gate__in=gates)
    people = sorted(set(given.values_list("by", flat=True)))
    given.delete()
    gates.update(open=False, since=None, until=None, opened_at=None, reason="")
    words = f"; approved before by {', '.join(people)}, which counts no longer" if people else ""
    return f"somebody of it is at work again: the gates behind are asked anew{words}"


def _become(facts: Facts, stage: StageFacts, state: StageState, now: datetime, *, reason: str = "") -> None:
    changes: dict[str, Any] = {"state": state, "since": now, "hold": ""}
    if state is S.RUNNING and stage.began_at is None:
        changes["began_at"] = stage.began_at = now
    if state is S.PASSED:
        changes["passed_at"] = now
    moved = Stage.objects.filter(pk=stage.id, state=stage.state).update(**changes)
    if moved:
        before, stage.state, stage.since = stage.state, state, now
        if state is not S.ENTERING or before is not S.PENDING:
            tell(facts, "stage", subject=stage.name, before=before.value, after=state.value, reason=reason)


def _gates_open(facts: Facts, stage: StageFacts, side: str, now: datetime) -> bool:
    """Judge the gates of one side, keep how each stands, and say whether all are open."""
    gates = rows(queries.GATES, {"stage": stage.id, "side": side})
    shut: list[Verdict] = []
    for row in gates:
        if row["open"]:
            continue
        verdict = _still(row, now) or _judged(facts, row, now)
        if not verdict.open:
            shut.append(verdict)
        _keep(facts, stage, row, verdict, now)
    hold = "; ".join(verdict.reason for verdict in shut)[:500]
    if gates:
        Stage.objects.filter(pk=stage.id).exclude(hold=hold).update(hold=hold)
    return not shut


def _still(row: Mapping[str, Any], now: datetime) -> Verdict | None:
    """Return what was said lately, where it takes long to find out anew and time alone changes little."""
    if row["kind"] == "footprint" and row["until"] is not None and now < row["until"]:
        return shut(row["reason"], row["until"])
    return None


def _judged(facts: Facts, row: Mapping[str, Any], now: datetime) -> Verdict:
    settings, since = json.loads(row["settings"]), row["since"] or now
    given = json.loads(row["approvals"])
    approvals = [Approval(by, datetime.fromisoformat(at), person) for by, at, person in given]
    upgraded, control = (
        looking.cohorts(facts) if row["kind"] == "health" else (looking.NOBODY, looking.NOBODY)
    )
    change, measurable = None, True
    if row["kind"] == "footprint":
        change, measurable = looking.footprint_change(facts, now), _is_anybody_upgraded(facts)
    evidence = Evidence(now, since, approvals, upgraded, control, change, measurable)
    return gate_of(row["kind"]).judge(settings, evidence)


def _is_anybody_upgraded(facts: Facts) -> bool:
    """Whether the rollout has upgraded anybody: whom its own people brought there has no before and after to measure."""
    upgraded = Target.objects.filter(rollout=facts.id, state=T.SUCCEEDED)
    return upgraded.filter(started_at__isnull=False, finished_at__isnull=False).exists()


def _keep(facts: Facts, stage: StageFacts, row: Mapping[str, Any], verdict: Verdict, now: datetime) -> None:
    changes = {
        "since": row["since"] or now,
        "reason": verdict.reason[:300],
        "until": verdict.until,
        "open": verdict.open,
    }
    if all(row[name] == value for name, value in changes.items()):
        return
    if verdict.open:
        changes["opened_at"] = now
    if row["since"] is None:  # what was said before its turn is of something else
        models.Approval.objects.filter(gate=row["id"]).delete()
    if not Gate.objects.filter(pk=row["id"], open=False).update(**changes):
        return
    if verdict.open:
        tell(facts, "gate", subject=f"{stage.name}: {row['kind']}", after="open", reason=verdict.reason)
    elif row["since"] is None:
        tell(facts, "gate", subject=f"{stage.name}: {row['kind']}", after="waiting", reason=verdict.reason)
