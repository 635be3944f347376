"""Whoever has to decide whether a halted or paused rollout goes on sees how those do that it has begun with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from provisioner.operations.models import Operation
from provisioner.rollouts import reading, services
from provisioner.rollouts.models import HealthPoint, Rollout, Target
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, counted, started
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, release, set_status, states, upgrading
from tests.world import World, landscape

pytestmark = pytest.mark.django_db
WITHOUT_LIMITS = {"notice_hours": 0, "max_failures": "100%", "max_concurrency": "100%"}


def stand_still(world: World, rollout: Rollout, how: str) -> None:
    if how == "halted":
        Rollout.objects.filter(pk=rollout.pk).update(state="halted", hold="Breaker: ill.")
    elif how == "aborting":
        services.abort_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")
    else:
        services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look")


def test_the_health_chart_of_a_halted_rollout_goes_on_and_the_breaker_rests(world: World) -> None:
    everyone = fleet(world.shop, [world.landscape], 40)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan={**no_gates(20, "rest"), **WITHOUT_LIMITS})
        tick(clock=clock())
        upgrades.seconds = lambda _: 1e6
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock.passes(seconds=20))
        done = set(Target.objects.filter(state="succeeded").values_list("runtime", flat=True))
        ill = [one for one in everyone if one.pk in done]
        set_status(ill, "unhealthy")
        tick(clock=clock.passes(seconds=20))
        rollout.refresh_from_db()
        assert rollout.state == "halted"
        kept = (rollout.breaker_looks, rollout.breaker_height, rollout.hold)
        for left in (ill[10:], []):
            set_status(ill, "ready")
            set_status(left, "unhealthy")
            tick(clock=clock.passes(minutes=5))
            last = HealthPoint.objects.order_by("-at")[0]
            assert (last.upgraded_unhealthy, last.at) == (len(left), clock())
        points = HealthPoint.objects.count()
        for _ in range(3):
            tick(clock=clock.passes(minutes=5))
        rollout.refresh_from_db()
    assert HealthPoint.objects.count() == points, "nothing has changed"
    assert (rollout.breaker_looks, rollout.breaker_height, rollout.hold) == kept


@pytest.mark.parametrize("how", ["halted", "paused", "aborting"])
def test_of_those_at_work_it_is_said_where_they_are_and_that_they_are_stuck(world: World, how: str) -> None:
    [runtime, _] = fleet(world.shop, [world.landscape], 2)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)):
        rollout = started(world, plan={**no_gates("rest"), **WITHOUT_LIMITS, "max_concurrency": 1})
        tick(clock=clock())
        stand_still(world, rollout, how)
        tick(clock=clock.passes(minutes=1))
        [at_work] = Target.objects.filter(state="running")
        assert at_work.operation_id is not None
        assert (at_work.reason_code, at_work.reason) == ("working", "in step “roll”")
        usual = {"step": "roll", "seconds": 60, "at": "2026-11-01T00:00:00Z"}
        Operation.objects.create(
            runtime=runtime, tenant_id=runtime.tenant_id, landscape_id=runtime.landscape_id, kind="upgrade",
            generation=1, state="succeeded", step="roll", steps_done=[usual], due_at=timezone.now(),
            deadline=timezone.now(), finished_at=timezone.now(), requested_by="t",
        )  # fmt: skip
        late = timezone.now() - timedelta(minutes=12)
        Operation.objects.filter(pk=at_work.operation_id).update(step_started_at=late)
        tick(clock=clock.passes(minutes=1))
    at_work.refresh_from_db()
    assert (at_work.reason_code, at_work.reason) == (
        "stuck",
        "stuck in step “roll” for 12 min where p95 is 1",
    )


@pytest.mark.parametrize("how", ["halted", "paused"])
def test_whoever_is_upgraded_or_removed_by_hand_meanwhile_is_done(world: World, how: str) -> None:
    upgraded, removed, other = fleet(world.shop, [world.landscape], 3)
    owner = services.Owner(tenant_id=world.archipel.id)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)):
        day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(clock.now + timedelta(days=2)).weekday()]
        services.add_window(
            actor=world.alice.actor, owner=owner, days=[day], begin="02:00", end="03:00", time_zone="UTC"
        )
        rollout = started(world, plan={**no_gates("rest"), **WITHOUT_LIMITS})
        tick(clock=clock())
        stand_still(world, rollout, how)
        Runtime.objects.filter(pk=upgraded.pk).update(spec={**upgraded.spec, "release": release(NEW)})
        Runtime.objects.filter(pk=removed.pk).update(phase="deprovisioned", deleted_at=clock())
        tick(clock=clock.passes(minutes=1))
    assert states(rollout) == counted(rollout) == {"succeeded": 1, "gone": 1, "waiting": 1}
    assert Target.objects.get(state="waiting").runtime_id == other.pk


def test_who_is_ready_where_too_many_failed_is_told_so_and_left_behind_by_no_deadline(world: World) -> None:
    bad = landscape("bad")
    fleet(world.shop, [bad], 3)
    clock = Clock()
    plan = {"stages": [{"name": "rest", "deadline_hours": 1}], "per_landscape": {"max_failures": 0}}
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X")) as upgrades:
        rollout = started(world, plan={**plan, **WITHOUT_LIMITS, "max_concurrency": 1})
        tick(clock=clock())
        stand_still(world, rollout, "paused")
        upgrades.end_due(clock.passes(minutes=2))
        for _ in range(4):
            tick(clock=clock.passes(hours=1))
        ready = Target.objects.filter(rollout=rollout, state="ready")
    assert list(ready.values_list("reason_code", flat=True)) == ["over_budget", "over_budget"]


@pytest.mark.parametrize("how", ["halted", "paused", "aborting"])
def test_no_end_is_told_while_it_stands_still(world: World, how: str) -> None:
    fleet(world.shop, [world.landscape], 4)
    clock = Clock()

    def is_told() -> bool:
        return reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id).finish is not None

    with upgrading(Upgrades(clock=clock)):
        rollout = started(world, plan={**no_gates("rest"), **WITHOUT_LIMITS, "max_concurrency": 1})
        tick(clock=clock())
        assert is_told()
        stand_still(world, rollout, how)
        assert not is_told()
        tick(clock=clock.passes(minutes=1))
        assert not is_told()
        if how != "aborting":
            services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
            assert not is_told(), "what was worked out before the stop is out of date"
            tick(clock=clock.passes(minutes=1))
            assert is_told()


def test_reasons_hold_none_of_those_at_work_who_get_on(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)):
        rollout = started(world, plan={**no_gates("rest"), **WITHOUT_LIMITS, "max_concurrency": 1})
        tick(clock=clock())
    told = reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id).reasons
    assert [(one.state, one.code, one.targets) for one in told] == [("ready", "place", 2)]
