"""One duty per stage of a trial; each is called with the row locked, and leaves `next_at` where it must be looked at again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor, Role
from controlplane.trials.bounds import set_free, take_the_place
from controlplane.trials.clock import clock_of, gives_up
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.start import write_to
from controlplane.trials.states import MOVES, Reason, Stage
from controlplane.trials.terms import REMINDERS, day, terms
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase, Suspension

SOON = timedelta(seconds=10)
LOOK_AGAIN = timedelta(hours=1)  # its owner may have deleted the runtime: the place is free then
WATCHED = timedelta(minutes=5)  # what failed, or may yet
UNBUILT = "Its runtime could not be built; its time stands still. Retry the operation, or delete the runtime."


class DutyFailed(Exception):  # noqa: N818 - named by what happened
    """The duty's operation failed; it is begun again later."""


def go_back_in_line(trial: Trial, now: datetime) -> None:
    """Let one that was put off have its old place in the queue again."""
    _keep(trial, next_at=None)


def watch_provisioning(trial: Trial, now: datetime) -> None:
    """Let the time begin when the runtime is ready, and give up what never is."""
    runtime = _runtime(trial)
    if _is_going(trial, runtime, now):
        return
    if runtime.phase == Phase.READY:
        _move(trial, Stage.ACTIVE, expires_at=now + terms().length, next_at=now, problem="", failures=0)
    elif now >= _moment(gives_up(trial)):
        _move(trial, Stage.REMOVING, reason=Reason.NOT_BUILT, next_at=now, problem="", failures=0)
        write_to(trial, "trial-not-built", path="/trial")
    else:
        failed = runtime.phase == Phase.FAILED
        until = min(now + (WATCHED if failed else SOON), _moment(gives_up(trial)))
        _keep(trial, problem=UNBUILT if failed else "", next_at=until)


def watch_active(trial: Trial, now: datetime) -> None:
    """Remind, note a runtime that failed since, and end what is over; time that stands still ends only what is given up."""
    runtime = _runtime(trial)
    if _is_going(trial, runtime, now):
        return
    clock = clock_of(trial, runtime, now)
    ends = clock.ends
    if now >= (clock.gives_up or ends):
        _expire(trial, now)
        return
    if clock.gives_up:
        until = min(now + WATCHED, clock.gives_up)
        _keep(trial, held_since=clock.held_since, next_at=until, problem=UNBUILT, failures=0)
        return
    due = [days for days in REMINDERS if ends - now <= timedelta(days=days)]
    nearest = min(due, default=None)
    if nearest is not None and (trial.reminded_days is None or nearest < trial.reminded_days):
        extension = 0 if trial.extended_at else terms().extension.days
        write_to(
            trial, "trial-reminder", key=f"{ends:%Y%m%dT%H%M}:{nearest}", days=nearest, until=day(ends),
            grace_days=terms().grace.days, extension_days=extension,
        )  # fmt: skip
        trial.reminded_days = nearest
    next_one = max((days for days in REMINDERS if nearest is None or days < nearest), default=0)
    failed = runtime.phase == Phase.FAILED
    # People can use it before its provision ends, and that may fail yet.
    unsure = failed or _has_open(runtime, Kind.PROVISION)
    following = min(ends - timedelta(days=next_one), now + (WATCHED if unsure else LOOK_AGAIN))
    problem = (
        "Its runtime has failed while its time runs: retry the operation, or end the trial." if failed else ""
    )
    _keep(
        trial,
        held_since=None,
        expires_at=ends,
        reminded_days=trial.reminded_days,
        next_at=max(following, now + SOON),
        problem=problem,
        failures=0,
    )


def await_suspension(trial: Trial, now: datetime) -> None:
    """Suspend the runtime, and see that it is; what can't be suspended is removed all the same when its grace is over."""
    runtime = _runtime(trial)
    if _is_going(trial, runtime, now):
        return
    if now >= _moment(trial.removes_at):
        _remove(trial, now)
    elif runtime.phase == Phase.SUSPENDED and Suspension.TRIAL in runtime.suspended_for:
        _move(trial, Stage.SUSPENDED, next_at=_before(now + LOOK_AGAIN, trial), problem="", failures=0)
    elif _has_open(runtime, Kind.SUSPEND):
        _keep(trial, next_at=_before(now + SOON, trial))
    else:
        again = Suspension.TRIAL in runtime.suspended_for
        suspend_runtime(actor=SYSTEM, runtime_id=runtime.id, reason=Suspension.TRIAL)
        _count(trial, now, again, "The suspension of its runtime failed; it was begun again.")


def end_grace(trial: Trial, now: datetime) -> None:
    """Remove what nobody converted."""
    runtime = _runtime(trial)
    if _is_going(trial, runtime, now):
        return
    if now >= _moment(trial.removes_at):
        _remove(trial, now)
    elif runtime.phase != Phase.SUSPENDED:
        _move(trial, Stage.EXPIRED, next_at=now)  # somebody woke it: it must rest
    else:
        _keep(trial, next_at=_before(now + LOOK_AGAIN, trial))


def await_removal(trial: Trial, now: datetime) -> None:
    """Delete the runtime, and see that it is gone."""
    runtime = _runtime(trial)
    if runtime.phase == Phase.DEPROVISIONED:
        finish(trial, now)
    elif _has_open(runtime, Kind.DEPROVISION):
        _keep(trial, next_at=now + SOON)
    else:
        again = Operation.objects.filter(runtime=runtime, kind=Kind.DEPROVISION).exists()
        delete_runtime(actor=keeper_of(trial), runtime_id=runtime.id)
        _count(trial, now, again, "The removal of its runtime failed; it was begun again.")


def finish(trial: Trial, now: datetime) -> None:
    """Leave the tombstone: what happened and when, without the address."""
    if trial.email and not trial.reason:  # else it was told why already
        write_to(trial, "trial-removed", path="/trial/mine")
    take_the_place(trial.tenant)
    SignUp.objects.filter(trial=trial).update(email="", address="", network="")
    later = now + terms().tombstone
    _move(trial, Stage.REMOVED, ended_at=now, next_at=later, email="", problem="", failures=0)


def keeper_of(trial: Trial) -> Actor:
    """Return who does to the trial's tenant what its time demands."""
    return Actor(name="system: trials", role=Role.OWNER, tenant_id=trial.tenant_id)


def _expire(trial: Trial, now: datetime) -> None:
    removes_at = now + terms().grace
    _move(trial, Stage.EXPIRED, expires_at=min(now, _moment(trial.expires_at)), removes_at=removes_at, next_at=now,
        problem="", failures=0)  # fmt: skip
    write_to(trial, "trial-expired", until=day(removes_at))


def _remove(trial: Trial, now: datetime) -> None:
    _move(trial, Stage.REMOVING, next_at=now, problem="", failures=0)


def _is_going(trial: Trial, runtime: Runtime, now: datetime) -> bool:
    """Whether the trial ends by itself: its runtime is being deleted, or was put on another plan by another door."""
    if runtime.plan_id != trial.plan:
        _move(trial, Stage.CONVERTED, ended_at=now, next_at=None, problem="", failures=0)
        set_free(trial.tenant)
        if Suspension.TRIAL in runtime.suspended_for:
            resume_runtime(actor=SYSTEM, runtime_id=runtime.id, reason=Suspension.TRIAL)
        return True
    if runtime.phase == Phase.DEPROVISIONED:
        finish(trial, now)
        return True
    if _has_open(runtime, Kind.DEPROVISION):
        _remove(trial, now)
        return True
    return False


def _count(trial: Trial, now: datetime, again: bool, problem: str) -> None:
    """Look again soon; after a failure later each time, and say so."""
    if not again:
        _keep(trial, next_at=now + SOON)
        return
    wait = min(SOON * 2 ** min(trial.failures, 9), LOOK_AGAIN)
    _keep(trial, next_at=now + wait, failures=trial.failures + 1, problem=problem)


def _has_open(runtime: Runtime, kind: Kind) -> bool:
    return Operation.objects.filter(runtime=runtime, kind=kind, slot__isnull=False).exists()


def _runtime(trial: Trial) -> Runtime:
    if trial.runtime is None:
        raise DutyFailed("The trial has no runtime.")
    return trial.runtime


def _moment(found: datetime | None) -> datetime:
    if found is None:
        raise DutyFailed("The trial has no end.")
    return found


def _before(moment: datetime, trial: Trial) -> datetime:
    return min(moment, _moment(trial.removes_at))


def _keep(trial: Trial, **fields: Any) -> None:
    Trial.objects.filter(pk=trial.pk, stage=trial.stage).update(**fields)


def _move(trial: Trial, to: Stage, **fields: Any) -> None:
    """Change the stage, guarded by the old one; raises Refused trial_moved when somebody was quicker."""
    if to not in MOVES[Stage(trial.stage)]:
        raise DutyFailed(f"A trial that is {trial.stage} can't become {to}.")
    if Trial.objects.filter(pk=trial.pk, stage=trial.stage).update(stage=to, held_since=None, **fields) != 1:
        raise Refused("trial_moved", "Somebody else has just changed this trial; look again.", status=409)
    audit.record(
        f"trial.{to}", actor=keeper_of(trial), tenant_id=trial.tenant_id, target_type="trial",
        target_id=trial.id, changes={"from": trial.stage},
    )  # fmt: skip
