"""A rollout from its start to its end, look by look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.rollouts.models import Lane, MaintenanceWindow, Rollout, Tally, Target
from provisioner.rollouts.services import Choice, create_rollout, retry_targets, skip_targets, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, release, states, upgrading
from tests.work import refused
from tests.world import World

pytestmark = pytest.mark.django_db


class Clock:
    """A moment that tests turn."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


def started(world: World, **wish: object) -> Rollout:
    given: dict[str, object] = {
        "actor": world.sam.actor, "name": "October", "release": NEW, "selector": "all", "plan": no_gates(2, "rest"),
    }  # fmt: skip
    rollout = create_rollout(**{**given, **wish})  # type: ignore[arg-type]
    return start_rollout(actor=world.sam.actor, rollout_id=rollout.id)


def counted(rollout: Rollout) -> dict[str, int]:
    found: dict[str, int] = {}
    for lane in Lane.objects.filter(rollout=rollout):
        for name in (
            "planned",
            "waiting",
            "blocked",
            "ready",
            "active",
            "succeeded",
            "failed",
            "skipped",
            "left_behind",
            "gone",
        ):
            found[name] = found.get(name, 0) + getattr(lane, name)
    return {name: count for name, count in found.items() if count}


def test_stages_follow_one_another_within_the_limit_until_all_are_done(world: World) -> None:
    fleet(world.shop, [world.landscape], 10)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates(2, "rest", max_concurrency=3))
        assert states(rollout) == {"planned": 10}
        tick(clock=clock())
        assert states(rollout) == {"running": 2, "planned": 8}
        tick(clock=clock())
        assert len(upgrades.begun) == 2
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
        assert states(rollout) == {"succeeded": 2, "running": 3, "ready": 5}
        for _ in range(3):
            upgrades.end_due(clock.passes(minutes=2))
            tick(clock=clock())
        rollout.refresh_from_db()
    assert states(rollout) == counted(rollout) == {"succeeded": 10}
    assert rollout.state == "completed"
    assert rollout.finished_at


def test_more_failures_than_may_halt_it_until_they_are_tried_again(world: World) -> None:
    fleet(world.shop, [world.landscape], 6)
    clock, broken = Clock(), {"ERR_X"}
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X" if broken else "")) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=2, max_failures=1))
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
        rollout.refresh_from_db()
        assert rollout.state == "halted"
        assert "2 failed" in rollout.hold
        assert states(rollout) == {"failed": 2, "ready": 4}
        tally = Tally.objects.get(rollout=rollout, state="failed", targets__gt=0)
        assert (tally.code, tally.targets, tally.sample) == ("ERR_X@roll", 2, "it broke")
        broken.clear()
        choice = Choice(signature="ERR_X@roll")
        assert retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=choice) == 2
        from provisioner.rollouts.services import resume_rollout

        resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        for _ in range(6):
            tick(clock=clock())
            upgrades.end_due(clock.passes(minutes=2))
        rollout.refresh_from_db()
    assert states(rollout) == counted(rollout) == {"succeeded": 6}
    assert rollout.state == "completed"


def test_what_has_not_begun_can_be_skipped_with_a_reason_that_stays(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)):
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick(clock=clock())
        ready = Target.objects.filter(rollout=rollout, state="ready").first()
        assert ready is not None
        with refused("reason_missing"):
            skip_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=Choice((ready.id,)), reason=" ")
        assert (
            skip_targets(
                actor=world.sam.actor, rollout_id=rollout.id, choice=Choice((ready.id,)), reason="on leave"
            )
            == 1
        )
        with refused("nothing_chosen"):
            running = Target.objects.get(rollout=rollout, state="running")
            skip_targets(
                actor=world.sam.actor, rollout_id=rollout.id, choice=Choice((running.id,)), reason="no"
            )
    ready.refresh_from_db()
    assert (ready.state, ready.reason, ready.noted_by) == ("skipped", "on leave", "token:sam")
    assert counted(rollout) == {"active": 1, "ready": 1, "skipped": 1}


def test_a_rollout_over_which_the_look_breaks_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world.shop, [world.landscape], 1)
    fleet(world.main, [world.landscape], 1)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        plan = {"stages": [{"name": "rest", "before": [{"kind": "health"}]}]}
        broken = started(world, name="broken", selector="tenant=archipel", priority=9, plan=plan)
        whole = started(world, name="whole", selector="tenant=basalt", plan=no_gates("rest"))
        monkeypatch.setattr("provisioner.rollouts.looking.cohorts", lambda _: 1 / 0)
        Rollout.objects.update(looked_at=clock())
        tick(clock=clock.passes(seconds=1))
        assert (states(broken), states(whole)) == ({"planned": 1}, {"running": 1})
        monkeypatch.undo()
        tick(clock=clock.passes(seconds=1))
        assert len(upgrades.begun) == 2


def test_whoever_was_upgraded_by_its_own_people_while_it_waited_is_done(world: World) -> None:
    first, second = fleet(world.shop, [world.landscape], 2)
    for row in (first, second):
        MaintenanceWindow.objects.create(
            runtime=row, tenant=world.archipel, days=["sat"], begin="02:00", end="04:00", time_zone="UTC",
            created_by="t",
        )  # fmt: skip
    clock = Clock()
    clock.now = datetime(2027, 3, 3, 12, tzinfo=UTC)  # a Wednesday
    with upgrading(Upgrades(clock=clock)):
        rollout = started(world, plan=no_gates("rest"))
        tick(clock=clock())
        assert states(rollout) == {"waiting": 2}
        Runtime.objects.filter(pk=first.pk).update(spec={**first.spec, "release": release(NEW)})
        tick(clock=clock.passes(seconds=20))
    assert states(rollout) == {"waiting": 1, "succeeded": 1}
    assert counted(rollout) == {"waiting": 1, "succeeded": 1}
