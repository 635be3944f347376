"""Behind its deadline a stage waits for whoever had its turn and lost it, up to the next look; for nobody else, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.rollouts import services
from provisioner.rollouts.models import Stage, Target
from provisioner.rollouts.ticking import tick
from tests.db.test_rollouts_and_changed_windows import FAR, exclude, names, window
from tests.db.test_rollouts_go_forward import Clock, started
from tests.rolling_out import Upgrades, fleet, states, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db
CANARIES = {"name": "canary", "share": 2, "deadline_hours": 1, "max_concurrency": 1}


def canary() -> str:
    return str(Stage.objects.values_list("state", flat=True).get(position=0))


@pytest.mark.parametrize("changed", [False, True])
def test_a_stage_does_not_pass_by_those_who_are_ready_because_somebody_changed_windows(
    world: World, changed: bool
) -> None:
    fleet(world.shop, [world.landscape], 4)
    clock = Clock()
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 3900.0)) as upgrades:
        rollout = started(world, plan={"stages": [CANARIES, {"name": "rest"}], "notice_hours": 0})
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=66))
        if changed:
            exclude(world, utcnow() + FAR)
        tick(clock=clock.passes(seconds=1))
        assert (canary(), states(rollout)) == ("running", {"succeeded": 1, "running": 1, "planned": 2})
        upgrades.end_due(clock.passes(minutes=66))
        tick(clock=clock())
        assert canary() == "passed"


def test_a_stage_does_not_pass_by_whoever_a_clock_ahead_of_the_looks_own_had_look_again(world: World) -> None:
    fleet(world.shop, [world.landscape], 4)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        started(world, plan={"stages": [CANARIES, {"name": "rest"}], "notice_hours": 0})
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=66))
        exclude(world, utcnow() + FAR)
        ahead = Target.objects.filter(state="waiting", reason_code="window")
        assert ahead.update(due_at=clock() + timedelta(minutes=1)) == 1
        tick(clock=clock.passes(seconds=1))
        assert (canary(), len(upgrades.begun)) == ("running", 1)
        tick(clock=clock.passes(minutes=1))
        assert (canary(), len(upgrades.begun)) == ("running", 2)


def test_a_stage_does_not_pass_by_those_who_were_about_to_start_when_their_rollout_was_paused(
    world: World,
) -> None:
    fleet(world.shop, [world.landscape], 4)
    clock, sam = Clock(), world.sam.actor
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan={"stages": [CANARIES, {"name": "rest"}], "notice_hours": 0})
        tick(clock=clock(), most_starts=0)
        Target.objects.filter(state="ready").update(state="skipped", reason_code="skipped")
        tick(clock=clock.passes(hours=2), most_starts=0)
        services.pause_rollout(actor=sam, rollout_id=rollout.id, reason="a look")
        tick(clock=clock.passes(seconds=1))
        assert set(Target.objects.filter(state="waiting").values_list("reason_code", flat=True)) == {
            "stopped"
        }
        services.resume_rollout(actor=sam, rollout_id=rollout.id)
        tick(clock=clock.passes(seconds=1))
        assert (canary(), len(upgrades.begun)) == ("running", 1)


def test_who_did_not_start_before_its_window_closed_is_waited_for_no_longer_than_one_look(
    world: World,
) -> None:
    fleet(world.shop, [world.landscape], 2)
    clock = Clock()
    clock.now = datetime(2027, 3, 6, 2, 30, tzinfo=UTC)  # a Saturday, in its window
    window(world)
    with upgrading(Upgrades(clock=clock)):
        stages = [{**CANARIES, "share": 1}, {"name": "rest"}]
        started(world, plan={"stages": stages, "notice_hours": 0})
        tick(clock=clock(), most_starts=0)
        assert len(names(state="starting")) == 1
        tick(clock=clock.passes(hours=2), most_starts=0)
        assert canary() == "running"
        (told,) = Target.objects.filter(state="waiting").values_list("reason", flat=True)
        assert told.startswith("its maintenance window opens Sat 13 Mar")
        tick(clock=clock.passes(seconds=1))
        assert canary() == "passed"


def test_a_stage_waits_behind_its_deadline_for_nobody_who_is_busy_however_rarely_it_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world.shop, [world.landscape], 4)
    clock = Clock()
    busy = {
        "state": "waiting", "code": "busy", "reason": "another operation is under way", "until": None
    }  # fmt: skip
    monkeypatch.setattr(
        "provisioner.rollouts.dispatching.keeps_back",
        lambda row, release, now: {**busy, "id": row["id"], "due": now + timedelta(seconds=20)},
    )
    with upgrading(Upgrades(clock=clock)):
        started(world, plan={"stages": [CANARIES, {"name": "rest"}], "notice_hours": 0})
        for _ in range(3):
            tick(clock=clock.passes(seconds=30))
        assert canary() == "running"
        tick(clock=clock.passes(hours=1))
        assert canary() == "passed"


def test_nobody_who_waits_for_a_window_holds_a_stage_up_behind_its_deadline_by_changing_it(
    world: World,
) -> None:
    fleet(world.shop, [world.landscape], 2)
    clock = Clock()
    clock.now = datetime(2027, 3, 1, 12, tzinfo=UTC)  # a Monday
    window(world)
    with upgrading(Upgrades(clock=clock)):
        stages = [{**CANARIES, "share": 1}, {"name": "rest"}]
        started(world, plan={"stages": stages, "notice_hours": 0})
        tick(clock=clock())
        assert names(state="waiting", reason_code="window")
        clock.passes(minutes=61)
        exclude(world, utcnow() + FAR)
        assert Target.objects.filter(due_at__lte=clock(), reason_code="window").count() == 1
        tick(clock=clock())
        assert canary() == "passed"
