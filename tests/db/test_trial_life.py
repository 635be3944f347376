"""A trial's whole life: the clock is moved, the landscape's part is written by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from prometheus_client import CollectorRegistry
from pytest_django import Settings

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, PlatformRole, Role
from controlplane.tenants.models import AuditEvent
from controlplane.trials.changing import convert_trial, extend_trial, paid_plans
from controlplane.trials.confirm import confirm
from controlplane.trials.managing import change_offer, retry_duty
from controlplane.trials.metrics import register
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.states import MOVES, Stage
from controlplane.trials.status import Status, read_status
from controlplane.trials.ticking import tick
from provisioner.lifecycle.create import create_runtime
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.trialling import ask, fail, letters, settle, token_to, trial_of, try_out
from tests.world import World

ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


def at(moment: datetime, **later: float) -> time_machine.travel:
    return time_machine.travel(moment + timedelta(**later), tick=True)


def owner(trial: Trial, role: Role = Role.OWNER) -> Actor:
    return Actor("ada", role=role, tenant_id=trial.tenant_id, user_id=trial.owner_id)


def running(email: str = "ada@engine.example") -> Trial:
    trial = trial_of(try_out(email))
    settle(trial.runtime, "ready")
    with at(utcnow(), seconds=15):
        tick()
    return look(trial)


def look(trial: Trial) -> Trial:
    row: Trial = Trial.objects.select_related("runtime", "tenant").get(pk=trial.pk)
    return row


def test_a_trial_from_the_first_word_to_the_tombstone(settings: Settings) -> None:  # noqa: PLR0915 - a life is told in one go
    settings.TRIAL_AGAIN_DAYS = 0
    asked = ask()

    def status() -> Status:
        found = read_status(asked.sign_up.id, asked.secret)
        assert found is not None
        return found

    trial = trial_of(confirm(token_to("ada@engine.example")))
    begun = utcnow()
    settle(trial.runtime, "ready")
    with at(begun, minutes=5):
        tick()
        found = status()
        assert (found.status, found.may_extend, found.runtime_phase) == ("active", True, "ready")
        assert found.expires_at is not None
        ends = found.expires_at
    assert abs(ends - begun - timedelta(days=14, minutes=5)) < timedelta(minutes=1)
    for days in (10, 7, 6.9, 5, 3, 2.5, 1, 0.5):
        with at(ends, days=-days):
            tick()
            tick()
    assert [words["days"] for _, words in letters("trial-reminder")] == [7, 3, 1]
    with at(ends, seconds=1):
        tick()
        found = status()
        assert found.status == "expired"
        assert [kind for kind, _ in letters("trial-expired")] == ["trial-expired"]
        tick()
    open_one = Operation.objects.get(runtime=trial.runtime, slot__isnull=False)
    assert open_one.kind == "suspend"
    settle(trial.runtime, "suspended")
    with at(ends, minutes=5):
        tick()
        found = status()
        assert found.status == "suspended"
        assert found.removes_at is not None
        removes = found.removes_at
    assert abs(removes - ends - timedelta(days=7)) < timedelta(minutes=1)
    with at(removes, minutes=-5):
        tick()
    assert look(trial).stage == Stage.SUSPENDED
    with at(removes, seconds=1):
        tick()
        tick()
    assert Operation.objects.get(runtime=trial.runtime, slot__isnull=False).kind == "deprovision"
    settle(trial.runtime, "deprovisioned")
    with at(removes, minutes=5):
        tick()
        tombstone = status()
    assert (tombstone.status, tombstone.runtime_id) == ("removed", None)
    assert tombstone.removed_at is not None
    assert letters("trial-removed", "ada@engine.example")
    over = look(trial)
    assert (over.email, over.tenant.runtime_quota) == ("", 0)
    assert SignUp.objects.get().email == ""
    told = list(
        AuditEvent.objects.filter(target_id=str(trial.id)).order_by("id").values_list("action", flat=True)
    )
    assert told == [
        "trial.confirm", "trial.active", "trial.expired", "trial.suspended", "trial.removing", "trial.removed",
    ]  # fmt: skip
    with at(removes, days=1):
        again = trial_of(try_out())
    assert (again.tenant_id, again.stage) == (trial.tenant_id, "provisioning")


def test_a_late_tick_reminds_once_of_what_is_nearest() -> None:
    trial = running()
    assert trial.expires_at is not None
    with at(trial.expires_at, days=-2):
        tick()
    assert [words["days"] for _, words in letters("trial-reminder")] == [3]


def test_two_ticks_at_once_do_everything_once() -> None:
    trial = running()
    assert trial.expires_at is not None
    with at(trial.expires_at, days=-6):
        tick()
        Trial.objects.update(next_at=utcnow(), reminded_days=None)  # as if the other had not written yet
        tick()
    assert len(letters("trial-reminder")) == 1


def test_an_owner_extends_once_and_is_reminded_anew() -> None:
    trial = running()
    assert trial.expires_at is not None
    with at(trial.expires_at, days=-1, hours=1):
        tick()
        more = extend_trial(actor=owner(trial), trial_id=trial.id)
        assert more.expires_at == trial.expires_at + timedelta(days=7)
        with pytest.raises(Refused) as refused:
            extend_trial(actor=owner(trial), trial_id=trial.id)
        assert refused.value.code == "trial_not_extendable"
        tick()
    with at(trial.expires_at, seconds=1):
        tick()
        assert look(trial).stage == Stage.ACTIVE
    with at(trial.expires_at, days=4, hours=1):
        tick()
    assert [words["days"] for _, words in letters("trial-reminder")] == [1, 7, 3]
    assert [words["extension_days"] for _, words in letters("trial-reminder")] == [7, 0, 0]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER, Role.FINANCE])
def test_only_admins_and_owners_change_a_trial(role: Role) -> None:
    trial = running()
    with pytest.raises(Refused) as refused:
        extend_trial(actor=owner(trial, role), trial_id=trial.id)
    assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        convert_trial(actor=owner(trial, role), trial_id=trial.id, plan="aws")
    assert refused.value.status == 403


def test_anothers_trial_does_not_exist(world: World) -> None:
    trial = running()
    with pytest.raises(Refused) as refused:
        extend_trial(actor=world.alice.actor, trial_id=trial.id)
    assert refused.value.status == 404


def test_a_paid_plan_keeps_the_runtime() -> None:
    trial = running()
    assert [plan.key for plan in paid_plans(trial)] == ["aws"]
    converted = convert_trial(actor=owner(trial), trial_id=trial.id, plan="aws")
    after = look(converted)
    assert after.runtime is not None
    assert (after.stage, after.runtime.id, after.runtime.plan_id) == ("converted", trial.runtime_id, "aws")
    assert after.tenant.runtime_quota == 10
    with at(utcnow(), days=60):
        tick()
    assert not letters("trial-expired")
    assert Operation.objects.filter(runtime=trial.runtime, kind="suspend").count() == 0
    with pytest.raises(Refused):
        convert_trial(actor=owner(trial), trial_id=trial.id, plan="aws")


def asleep() -> Trial:
    trial = running()
    assert trial.expires_at is not None
    with at(trial.expires_at, seconds=1):
        tick()
        tick()
    settle(trial.runtime, "suspended")
    with at(trial.expires_at, seconds=60):
        tick()
    return look(trial)


def test_a_paid_plan_wakes_a_suspended_runtime() -> None:
    trial = asleep()
    assert trial.stage == Stage.SUSPENDED
    convert_trial(actor=owner(trial), trial_id=trial.id, plan="aws")
    assert Operation.objects.get(runtime=trial.runtime, slot__isnull=False).kind == "resume"
    after = look(trial).runtime
    assert after is not None
    assert (after.plan_id, after.suspended_for) == ("aws", [])


def test_nobody_wakes_a_runtime_whose_trial_is_over() -> None:
    trial = asleep()
    with pytest.raises(Refused):
        resume_runtime(actor=owner(trial), runtime_id=trial.runtime_id)


@pytest.mark.parametrize("plan", ["azure", "trial", "free", "nonsense", ""])
def test_a_plan_that_can_not_keep_the_runtime_is_refused_and_the_trial_goes_on(plan: str) -> None:
    trial = running()
    with pytest.raises(Refused) as refused:
        convert_trial(actor=owner(trial), trial_id=trial.id, plan=plan)
    assert refused.value.code == "plan_unknown"
    assert look(trial).stage == Stage.ACTIVE


def test_a_failed_suspension_is_begun_again_and_seen() -> None:
    trial = running()
    assert trial.expires_at is not None
    with at(trial.expires_at, seconds=1):
        tick()
        tick()
    fail(trial.runtime)
    with at(trial.expires_at, seconds=30):
        tick()
    seen = look(trial)
    assert (seen.stage, seen.failures) == ("expired", 1)
    assert "failed" in seen.problem
    assert Operation.objects.filter(runtime=trial.runtime, kind="suspend", slot__isnull=False).count() == 1
    settle(trial.runtime, "suspended")
    with at(trial.expires_at, minutes=5):
        tick()
    mended = look(trial)
    assert (mended.stage, mended.failures, mended.problem) == ("suspended", 0, "")


def test_what_can_not_be_suspended_is_removed_all_the_same() -> None:
    trial = running()
    assert trial.expires_at is not None
    with at(trial.expires_at, seconds=1):
        tick()
        tick()
    fail(trial.runtime)
    with at(trial.expires_at, days=8):
        tick()
        tick()
    assert look(trial).stage == Stage.REMOVING


def test_a_failed_removal_is_begun_again_and_seen() -> None:
    trial = asleep()
    assert trial.removes_at is not None
    with at(trial.removes_at, seconds=1):
        tick()
        tick()
    fail(trial.runtime)
    with at(trial.removes_at, minutes=1):
        tick()
    assert (look(trial).stage, look(trial).failures) == ("removing", 1)
    assert (
        Operation.objects.filter(runtime=trial.runtime, kind="deprovision", slot__isnull=False).count() == 1
    )


def test_a_duty_that_raises_holds_up_nobody_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = running("a@a.example"), running("b@b.example")
    assert first.expires_at is not None

    def refuse(**_: object) -> None:
        raise RuntimeError("password=hunter2hunter2")

    with at(first.expires_at, minutes=1):
        with monkeypatch.context() as patched:
            patched.setattr("controlplane.trials.duties.suspend_runtime", refuse)
            tick()
            tick()
        seen = look(first)
        assert (seen.failures, look(second).failures) == (1, 1)
        assert "RuntimeError" in seen.problem
        assert "hunter2" not in seen.problem
        retry_duty(actor=ADMIN, trial_id=first.id)
        tick()
    assert Operation.objects.filter(runtime=first.runtime, kind="suspend").exists()


def test_a_trial_ends_with_its_runtime_and_the_place_is_free() -> None:
    trial = running()
    change_offer(actor=ADMIN, places=1, closed_regions=[], is_open=True)
    second = trial_of(try_out("b@b.example"))
    delete_runtime(actor=owner(trial), runtime_id=trial.runtime_id)
    with at(utcnow(), hours=2):
        tick()
    assert (look(trial).stage, look(second).stage) == ("removing", "waiting")
    settle(trial.runtime, "deprovisioned")
    with at(utcnow(), hours=3):
        tick()
    assert (look(trial).stage, look(second).stage) == ("removed", "provisioning")


def test_a_trial_whose_runtime_never_got_ready_uses_no_day_and_ends_after_a_week() -> None:
    asked = ask()
    trial = trial_of(confirm(token_to("ada@engine.example")))
    begun = utcnow()
    fail(trial.runtime)
    with at(begun, minutes=1):
        tick()
        found = read_status(asked.sign_up.id, asked.secret)
    assert "could not be built" in look(trial).problem
    assert found is not None
    assert "No day of the trial is used: its 14 days begin when the runtime is ready" in found.detail
    with at(begun, days=6):
        tick()
    assert look(trial).stage == Stage.PROVISIONING
    with at(begun, days=7, minutes=1):
        tick()
        found = read_status(asked.sign_up.id, asked.secret)
        assert found is not None
        assert (found.status, found.reason) == ("expired", "not_built")
        assert letters("trial-not-built", "ada@engine.example")
        tick()
    settle(trial.runtime, "deprovisioned")
    with at(begun, days=7, minutes=5):
        tick()
    assert look(trial).stage == Stage.REMOVED
    assert not letters("trial-removed")
    assert try_out("ada@engine.example").trial is not None


def test_its_days_begin_when_a_runtime_that_failed_at_first_is_ready() -> None:
    trial = trial_of(try_out())
    fail(trial.runtime)
    late = utcnow() + timedelta(days=5)
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(phase="ready")
    with at(late):
        tick()
    ends = look(trial).expires_at
    assert ends is not None
    assert abs(ends - late - timedelta(days=14)) < timedelta(minutes=1)


def usable_and_not_whole() -> Trial:
    """Its runtime could be used, and then what was left of its provision failed; a tick has seen that a week before its end."""
    trial = trial_of(try_out())
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(phase="ready")
    with at(utcnow(), seconds=15):
        tick()
    fail(trial.runtime)
    with at(utcnow(), days=7):
        tick()
    return look(trial)


def test_time_stands_still_while_its_runtime_failed_before_it_was_whole() -> None:
    trial = usable_and_not_whole()
    assert trial.expires_at is not None
    assert trial.held_since is not None
    with at(trial.held_since, days=5):
        tick()
    assert look(trial).stage == Stage.ACTIVE
    assert not letters("trial-reminder")
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(phase="ready")
    with at(trial.held_since, days=6):
        tick()
    again = look(trial)
    assert again.held_since is None
    assert again.expires_at is not None
    assert abs(again.expires_at - trial.expires_at - timedelta(days=6)) < timedelta(minutes=1)


def test_time_that_stands_still_for_a_week_is_over() -> None:
    trial = usable_and_not_whole()
    assert trial.held_since is not None
    with at(trial.held_since, days=7, minutes=1):
        tick()
    assert (look(trial).stage, look(trial).held_since) == (Stage.EXPIRED, None)


def test_what_breaks_once_a_runtime_was_whole_takes_no_time_away() -> None:
    trial = running()
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(phase="failed")
    with at(utcnow(), days=15):
        tick()
    assert look(trial).stage == Stage.EXPIRED


def test_a_runtime_that_fails_in_the_background_after_it_was_ready_is_noted_until_it_is_mended() -> None:
    asked = ask()
    trial = trial_of(confirm(token_to("ada@engine.example")))
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(phase="ready", observed_generation=1)
    with at(utcnow(), seconds=15):
        tick()
        tick()
    begun = look(trial)
    assert (begun.stage, begun.problem) == (Stage.ACTIVE, "")
    assert begun.next_at is not None
    assert begun.next_at < utcnow() + timedelta(minutes=6)  # its modules are still to come
    fail(trial.runtime)
    with at(utcnow(), minutes=7):
        tick()
        found = read_status(asked.sign_up.id, asked.secret)
    assert "time stands still" in look(trial).problem
    assert found is not None
    assert (found.status, found.runtime_phase) == ("active", "failed")
    assert "Something failed" in found.detail
    assert look(trial).expires_at == begun.expires_at
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(phase="ready")
    with at(utcnow(), minutes=15):
        tick()
    assert look(trial).problem == ""
    assert look(trial).held_since is None


def test_every_move_leads_somewhere_and_every_end_is_one() -> None:
    assert set(MOVES) == set(Stage)
    reached = {Stage.WAITING}
    for _ in Stage:
        reached |= {to for stage in reached for to in MOVES[stage]}
    assert reached == set(Stage)


def test_a_tick_reads_only_what_is_due() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM trials_trial WHERE next_at <= now() ORDER BY next_at LIMIT 100"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "trial_due" in plan


def test_metrics_tell_how_many_trials_there_are_and_which_fail() -> None:
    trial = running()
    running("b@b.example")
    Trial.objects.filter(pk=trial.pk).update(problem="The suspension failed.")
    registry = CollectorRegistry()
    register(registry)
    stage = {"stage": "active"}
    assert registry.get_sample_value("nesoi_trials", stage) == 2
    assert registry.get_sample_value("nesoi_trials_failing", stage) == 1


def create(trial: Trial, plan: str, name: str = "more") -> Operation:
    return create_runtime(
        actor=owner(trial),
        tenant=trial.tenant,
        account="trial",
        name=name,
        plan=plan,
        parameters={"region": "eu-central-1"},
        labels={},
    )


@pytest.mark.parametrize("plan", ["trial", "aws", "free"])
def test_a_trials_tenant_orders_nothing_else(plan: str) -> None:
    trial = running()
    with pytest.raises(Refused) as refused:
        create(trial, plan)
    assert refused.value.code == "quota_exceeded"


def test_who_deletes_the_trial_runtime_gets_no_paid_one_in_its_place() -> None:
    trial = running()
    delete_runtime(actor=owner(trial), runtime_id=trial.runtime_id)
    settle(trial.runtime, "deprovisioned")
    with pytest.raises(Refused) as refused:
        create(trial, "aws")
    assert refused.value.code == "quota_exceeded"


def test_nobody_takes_a_paid_plan_but_by_converting() -> None:
    trial = running()
    with pytest.raises(Refused) as refused:
        update_runtime(actor=owner(trial), runtime_id=trial.runtime_id, plan="aws")
    assert refused.value.code == "quota_exceeded"


def test_a_tenant_that_took_a_paid_plan_orders_more() -> None:
    trial = running()
    convert_trial(actor=owner(trial), trial_id=trial.id, plan="aws")
    assert create(trial, "aws").runtime.plan_id == "aws"


def test_a_runtime_that_was_put_on_another_plan_by_hand_ends_the_trial_as_converted() -> None:
    trial = running()
    Runtime.objects.filter(pk=str(trial.runtime_id)).update(plan="aws")
    assert trial.expires_at is not None
    with at(trial.expires_at, seconds=1):
        tick()
    assert look(trial).stage == Stage.CONVERTED
    assert not Operation.objects.filter(runtime=trial.runtime, kind="suspend").exists()
