"""What people do to a whole rollout: pause, resume, abort, close, and the emergency stop of all of them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import F

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.rollouts import facts
from provisioner.rollouts.creating import refuse_stopped
from provisioner.rollouts.left_behind import last_reason, last_reason_at_end
from provisioner.rollouts.models import EmergencyStop, Gate, Rollout, Stage, Target
from provisioner.rollouts.permitted import held, may_manage, reason_of, stand_still
from provisioner.rollouts.states import UNSTARTED, RolloutState, StageState, TargetState
from provisioner.rollouts.stopping import over_budget
from provisioner.rollouts.telling import tell

R = RolloutState


@transaction.atomic
def pause_rollout(*, actor: Actor, rollout_id: UUID, reason: str) -> Rollout:
    """Let nothing more begin; what runs may end. When this returns, nothing begins. Raises Refused 403, 404, 409."""
    rollout, why = held(actor, rollout_id), reason_of(reason)
    return _move(rollout, {R.RUNNING, R.HALTED}, R.PAUSED, actor, f"Paused by {actor.name}: {why}", why)


@transaction.atomic
def resume_rollout(
    *, actor: Actor, rollout_id: UUID, reason: str = "", accept_failures: bool = False
) -> Rollout:
    """Go on where a pause, the budget or the breaker stopped it.

    `accept_failures` takes the failures so far out of the budget; without it a rollout over its budget is refused
    (budget_exceeded 409). Raises Refused 403, 404, 409 and emergency_stop 409.
    """
    rollout = held(actor, rollout_id)
    refuse_stopped()
    if accept_failures:
        _accept_failures(actor, rollout, reason)
    elif rollout.state == R.HALTED and (why := over_budget(facts.of(rollout.id))):
        detail = f"{why} Retry or skip the failed ones, or accept their failures to go on."
        raise Refused("budget_exceeded", detail, status=409)
    words = "It was closed: what runs may end, and nothing else begins." if rollout.closed_at else ""
    return _move(rollout, {R.PAUSED, R.HALTED}, R.RUNNING, actor, words, reason)


@transaction.atomic
def abort_rollout(*, actor: Actor, rollout_id: UUID, reason: str) -> Rollout:
    """Give a rollout up: nothing more begins, what runs may end, the others are left behind. A draft ends at once.

    Raises Refused 403, 404, 409 (rollout_ended).
    """
    rollout, why = held(actor, rollout_id), reason_of(reason)
    words = f"Aborted by {actor.name}: {why}"[:500]
    if rollout.state == R.DRAFT:
        rollout.finished_at = utcnow()
        return _move(rollout, {R.DRAFT}, R.ABORTED, actor, words, why)
    moved = _move(rollout, {R.RUNNING, R.PAUSED, R.HALTED}, R.ABORTING, actor, words, why)
    _leave(rollout, "aborted", words)
    _end_stages(rollout, StageState.SKIPPED)
    return moved


@transaction.atomic
def close_rollout(*, actor: Actor, rollout_id: UUID, reason: str) -> Rollout:
    """End a running rollout with what is done: what runs may end, the others are left behind, and it completes.

    No gate is asked any more, nobody joins, nothing begins, and no failure of what runs yet halts it. Raises Refused 403, 404,
    409 (rollout_closed, rollout_not_running, rollout_not_started, rollout_ended).
    """
    rollout, why = held(actor, rollout_id), reason_of(reason)
    words, now = f"Closed by {actor.name}: {why}"[:500], utcnow()
    still_open = Rollout.objects.filter(pk=rollout.id, state=R.RUNNING, closed_at=None)
    if not still_open.update(closed_at=now, hold=words):
        raise _not_closable(rollout)
    rollout.closed_at, rollout.hold = now, words
    _leave(rollout, "closed", words)
    _end_stages(rollout, StageState.PASSED)
    tell(rollout, "rollout", before=rollout.state, after="closed", reason=why, actor=actor)
    return rollout


@transaction.atomic
def stop_everything(*, actor: Actor, reason: str) -> EmergencyStop:
    """Pause every rollout with one press, and let none start or go on until it is released.

    When this returns nothing begins any more; what runs may end. Engaged already: the one that is. Raises Refused 403.
    """
    may_manage(actor)
    why = reason_of(reason)
    stand_still()
    engaged: EmergencyStop | None = EmergencyStop.objects.filter(released_at=None).first()
    if engaged is not None:
        return engaged
    stop: EmergencyStop = EmergencyStop.objects.create(
        engaged_at=utcnow(), engaged_by=actor.name[:160], reason=why
    )
    for rollout in Rollout.objects.select_for_update().filter(state=R.RUNNING):
        words = f"Emergency stop by {actor.name}: {why}"
        _move(rollout, {R.RUNNING}, R.PAUSED, actor, words, why)
    audit.record(
        "rollout.emergency_stop", actor=actor, tenant_id=None, target_type="emergency_stop", target_id=stop.pk,
        changes={"reason": why},
    )  # fmt: skip
    return stop


@transaction.atomic
def release_stop(*, actor: Actor, reason: str = "") -> EmergencyStop:
    """Let rollouts be resumed again, one by one: none goes on by itself. Raises Refused 403, 409 (stop_not_engaged)."""
    may_manage(actor)
    engaged: EmergencyStop | None = EmergencyStop.objects.select_for_update().filter(released_at=None).first()
    if engaged is None:
        raise Refused("stop_not_engaged", "The emergency stop is not engaged.", status=409)
    engaged.released_at, engaged.released_by = utcnow(), actor.name[:160]
    engaged.save()
    audit.record(
        "rollout.emergency_release", actor=actor, tenant_id=None, target_type="emergency_stop",
        target_id=engaged.pk, changes={"reason": reason[:300]},
    )  # fmt: skip
    return engaged


def _move(
    rollout: Rollout,
    allowed: Collection[RolloutState],
    after: RolloutState,
    actor: Actor,
    hold: str,
    reason: str,
) -> Rollout:
    before = RolloutState(rollout.state)
    if before not in allowed:
        raise _refused(before, after)
    rollout.state, rollout.hold = after, hold[:500]
    rollout.save(update_fields=["state", "hold", "finished_at"])
    tell(rollout, "rollout", before=before.value, after=after.value, reason=reason, actor=actor)
    return rollout


def _refused(before: RolloutState, after: RolloutState) -> Refused:
    if before in {R.ABORTED, R.COMPLETED, R.ABORTING}:
        return Refused("rollout_ended", f"The rollout has ended: it is {before}.", status=409)
    if before is R.DRAFT:
        return Refused("rollout_not_started", "The rollout is a draft: start it first.", status=409)
    words = {R.PAUSED: "paused", R.RUNNING: "resumed"}.get(after, after.value)
    return Refused(f"rollout_not_{words}", f"A rollout that is {before} can't be {words}.", status=409)


def _not_closable(rollout: Rollout) -> Refused:
    before = RolloutState(rollout.state)
    if before in {R.RUNNING, R.PAUSED} and rollout.closed_at is not None:
        detail = (
            f"The rollout was closed on {rollout.closed_at:%d %b %H:%M} UTC already, and completes once what runs has ended. "
            "There is nothing more to do."
        )
        return Refused("rollout_closed", detail, status=409)
    if before in {R.PAUSED, R.HALTED}:
        detail = f"Only a running rollout can be closed: it is {before}. Resume or abort it."
        return Refused("rollout_not_running", detail, status=409)
    return _refused(before, R.COMPLETED)


def _accept_failures(actor: Actor, rollout: Rollout, reason: str) -> None:
    """Take the failures so far out of the budget, and leave a trace of how many those were."""
    blamed = Target.objects.filter(rollout=rollout, state=TargetState.FAILED, blamed=True)
    accepted = blamed.update(blamed=False)
    audit.record(
        "rollout.accept_failures", actor=actor, tenant_id=None, target_type="rollout", target_id=rollout.id,
        changes={"name": rollout.name, "count": accepted, **({"reason": reason[:300]} if reason else {})},
    )  # fmt: skip


def _end_stages(rollout: Rollout, under_way: StageState) -> None:
    """Let no stage begin any more, nor any gate be asked; those that had begun become `under_way`."""
    now, stages = utcnow(), Stage.objects.filter(rollout=rollout)
    stages.filter(state__in=[StageState.PENDING, StageState.ENTERING]).update(
        state=StageState.SKIPPED, since=now, hold=""
    )
    passed = {"passed_at": now} if under_way is StageState.PASSED else {}
    stages.filter(state__in=[StageState.RUNNING, StageState.LEAVING]).update(
        state=under_way, since=now, hold="", **passed
    )
    unasked = {"since": None, "until": None, "reason": "asked no more"}
    Gate.objects.filter(stage__rollout=rollout, open=False).update(**unasked)


def _leave(rollout: Rollout, code: str, words: str) -> None:
    """Leave behind whoever has not begun, also where that was decided and not ordered; what blocks one stays its reason."""
    now, unordered = utcnow(), [*(UNSTARTED - {TargetState.BLOCKED}), TargetState.STARTING]
    Target.objects.filter(rollout=rollout, state__in=unordered).update(
        state=TargetState.LEFT, since=now, finished_at=now, due_at=None, reason_code=code,
        reason=last_reason_at_end(words), reason_until=None, started_at=None, closes_at=None,
    )  # fmt: skip
    Target.objects.filter(rollout=rollout, state=TargetState.BLOCKED).update(
        state=TargetState.LEFT, since=now, finished_at=now, due_at=None, reason=last_reason(F("reason"))
    )
