"""Whoever waits has the time that its stage gives: anew when tried again, behind its notice, and not while all stands still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from controlplane.kernel.errors import Refused
from provisioner.rollouts import reading, services
from provisioner.rollouts.models import Rollout, Stage, Target
from provisioner.rollouts.services import Choice
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, counted, started
from tests.rolling_out import Upgrades, fleet, no_gates, states, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = datetime(2027, 3, 1, 12, tzinfo=UTC)
A_DAY = {"stages": [{"name": "rest", "deadline_hours": 24}], "notice_hours": 0}
WITHOUT_LIMITS = {"notice_hours": 0, "max_failures": "100%", "max_concurrency": "100%"}


@pytest.fixture
def clock() -> Clock:
    turned = Clock()
    turned.now = MONDAY
    return turned


def window(world: World, *days: str, runtime: Runtime | None = None) -> None:
    owner = services.Owner(runtime_id=runtime.pk) if runtime else services.Owner(tenant_id=world.archipel.id)
    services.add_window(
        actor=world.alice.actor, owner=owner, days=list(days), begin="22:00", end="23:00", time_zone="UTC"
    )


def looks(clock: Clock, times: int, **apart: float) -> None:
    for _ in range(times):
        tick(clock=clock.passes(**apart))


def retry(world: World, rollout: Rollout, state: str) -> int:
    return services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=Choice(state=state))


def blocked(upgrades: Upgrades) -> None:
    """Let a webhook block every upgrade from now on."""

    def refuses(_runtime: UUID) -> None:
        raise Refused("upgrade_blocked", "A webhook.", status=409)

    upgrades.refuses = refuses


def test_who_failed_is_tried_again_long_behind_its_stages_deadline(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 3)
    broken = {"ERR_X"}
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X" if broken else "")) as upgrades:
        rollout = started(world, plan={**no_gates("rest"), **WITHOUT_LIMITS})
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        looks(clock, 2, seconds=20)
        rollout.refresh_from_db()
        assert (states(rollout), rollout.state) == ({"failed": 3}, "completed")
        broken.clear()
        clock.passes(days=8)
        assert retry(world, rollout, "failed") == 3
        tick(clock=clock())
        assert states(rollout) == {"running": 3}
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
    assert states(rollout) == counted(rollout) == {"succeeded": 3}


def test_who_is_tried_again_behind_a_pause_has_its_stages_time_and_not_that_of_the_pause_too(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 1)
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X")) as upgrades:
        rollout = started(world, plan={**A_DAY, "max_failures": "100%"})
        tick(clock=clock())
        services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="incident")
        looks(clock, 48, hours=1)
        services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        upgrades.end_due(clock.passes(seconds=20))
        tick(clock=clock())
        blocked(upgrades)
        retry(world, rollout, "failed")
        looks(clock, 23, hours=1)
        assert states(rollout) == {"blocked": 1}
        looks(clock, 3, hours=1)
    assert states(rollout) == {"left_behind": 1}


def test_who_failed_in_a_stage_that_has_passed_is_tried_again_while_others_are_at_work(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 4)
    canaries: list[UUID] = []
    stages = [{"name": "canary", "share": 1, "deadline_hours": 1}, {"name": "rest"}]
    limits = {**WITHOUT_LIMITS, "max_concurrency": 1, "per_landscape": {"max_failures": "100%"}}
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X" if not canaries else "")) as upgrades:
        rollout = started(world, plan={"stages": stages, **limits})
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        canaries.append(upgrades.begun[0][1])
        upgrades.seconds = lambda _: 86400.0
        looks(clock, 3, hours=1)
        assert states(rollout) == {"failed": 1, "running": 1, "ready": 2}
        assert retry(world, rollout, "failed") == 1
        looks(clock, 3, seconds=20)
        canary = Target.objects.get(runtime=canaries[0])
        assert (canary.state, canary.reason_code) == ("ready", "place")
        looks(clock, 4, hours=1)
        canary.refresh_from_db()
    assert canary.state == "ready", "it waits for a place, and its landscape is within its budget"


def test_who_was_left_behind_for_its_window_comes_along_in_the_next_one_when_tried_again(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 1)
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=A_DAY)
        window(world, "thu")
        looks(clock, 26, hours=1)
        rollout.refresh_from_db()
        assert (states(rollout), rollout.state) == ({"left_behind": 1}, "completed")
        assert retry(world, rollout, "left_behind") == 1
        looks(clock, 48, hours=1)
        assert states(rollout) == {"waiting": 1}, "its window opens only behind another day"
        view = reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        opens = datetime(2027, 3, 4, 22, tzinfo=UTC)
        assert view.finish is not None
        assert opens < view.finish.low < opens + timedelta(hours=1)
        clock.now = opens
        tick(clock=clock())
        assert [runtime for _, runtime in upgrades.begun] == [Target.objects.get().runtime_id]


def test_who_is_left_behind_after_all_says_what_came_before_it_was_tried_again(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 1)
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X")) as upgrades:
        rollout = started(world, plan={**A_DAY, "max_failures": "100%"})
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        looks(clock, 2, seconds=20)
        clock.passes(days=2)
        blocked(upgrades)
        for _ in ("once", "and once more"):
            retry(world, rollout, "failed" if states(rollout) == {"failed": 1} else "left_behind")
            tick(clock=clock())
            looks(clock, 23, hours=1)
            assert states(rollout) == {"blocked": 1}, "the day counts from the retry"
            looks(clock, 2, hours=1)
            left = Target.objects.get()
            assert (left.state, left.reason_code) == ("left_behind", "upgrade_blocked")
            assert left.reason == "A webhook.; before it was tried again: ERR_X: it broke"


@pytest.mark.parametrize("end", [services.close_rollout, services.abort_rollout])
@pytest.mark.parametrize("is_blocked", [True, False])
def test_who_is_left_behind_by_a_person_after_a_retry_says_what_came_before_it(
    world: World, clock: Clock, end: Callable[..., Rollout], is_blocked: bool
) -> None:
    fleet(world.shop, [world.landscape], 1)
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X")) as upgrades:
        rollout = started(world, plan={**A_DAY, "max_failures": "100%"})
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
        retry(world, rollout, "failed")
        if is_blocked:
            blocked(upgrades)
            tick(clock=clock())
        end(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")
    left = Target.objects.get()
    assert left.state == "left_behind"
    why, before = left.reason.split("; before it was tried again: ")
    assert (before, "enough" in why) == ("ERR_X: it broke", not is_blocked)


@pytest.mark.parametrize("how", ["paused", "stopped", "halted"])
def test_no_deadline_goes_on_while_a_rollout_stands_still(world: World, clock: Clock, how: str) -> None:
    runtimes = fleet(world.shop, [world.landscape], 3)
    window(world, *DAYS)
    window(world, "sat", runtime=runtimes[0])
    sam = world.sam.actor
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan={**A_DAY, "max_concurrency": "100%"})
        tick(clock=clock())
        assert states(rollout) == {"waiting": 3}
        if how == "paused":
            services.pause_rollout(actor=sam, rollout_id=rollout.id, reason="incident")
        elif how == "stopped":
            services.stop_everything(actor=sam, reason="incident")
        else:
            Rollout.objects.filter(pk=rollout.pk).update(state="halted", hold="Breaker: ill.")
        looks(clock, 48, hours=1)
        assert Stage.objects.get().stood_seconds == 0, "it is counted when it goes on"
        if how == "stopped":
            services.release_stop(actor=sam)
        services.resume_rollout(actor=sam, rollout_id=rollout.id)
        looks(clock, 3, seconds=20)
        assert states(rollout) == {"waiting": 3}, "two days are over, and of its own day nothing"
        assert 48 * 3600 <= Stage.objects.get().stood_seconds <= 48 * 3600 + 60
        clock.now = datetime(2027, 3, 3, 22, 10, tzinfo=UTC)
        tick(clock=clock())
        assert len(upgrades.begun) == 2
        upgrades.end_due(clock.passes(minutes=2))
        looks(clock, 15, hours=1)
        rollout.refresh_from_db()
    assert states(rollout) == {"succeeded": 2, "left_behind": 1}, "but what has run of the day counts"
    assert rollout.state == "completed"
    assert rollout.still_since is None


def test_every_time_that_it_stands_still_is_counted_once(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    window(world, "sat")
    with upgrading(Upgrades(clock=clock)):
        rollout = started(world, plan=no_gates("rest", notice_hours=0))
        tick(clock=clock())
        for _ in range(2):
            services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look")
            looks(clock, 4, minutes=15)
            services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
            tick(clock=clock())
            looks(clock, 2, hours=2)
    assert Stage.objects.get().stood_seconds == 2 * 3600


def test_a_stage_that_begins_later_lost_nothing_to_a_pause_before_it(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates(1, "rest", notice_hours=0))
        tick(clock=clock())
        services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look")
        upgrades.end_due(clock.passes(hours=1))
        tick(clock=clock())
        services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick(clock=clock())
    stood = dict(Stage.objects.values_list("position", "stood_seconds"))
    assert stood == {0: 3600.0, 1: 0.0}


def test_who_joins_a_stage_behind_its_deadline_has_notice_and_a_deadline_of_its_own(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 1)
    plan = {"stages": [{"name": "rest", "deadline_hours": 24}], "notice_hours": 6}
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 40 * 3600.0)) as upgrades:
        rollout = started(world, plan=plan)
        looks(clock, 8, hours=1)
        assert states(rollout) == {"running": 1}
        clock.passes(hours=28)
        fleet(world.main, [world.landscape], 1)
        tick(clock=clock())
        blocked(upgrades)
        clock.passes(hours=12)
        upgrades.end_due(clock())
        looks(clock, 17, hours=1)
        assert states(rollout) == {"succeeded": 1, "blocked": 1}, (
            "told in hour 36, not before hour 42: until 66"
        )
        looks(clock, 2, hours=1)
    assert states(rollout) == {"succeeded": 1, "left_behind": 1}


def test_who_joins_before_its_stage_begins_has_the_deadline_from_when_its_notice_is_over(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 2)
    stages = [{"name": "canary", "share": 1}, {"name": "rest", "deadline_hours": 24}]
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 3600.0)) as upgrades:
        rollout = started(world, plan={"stages": stages, "notice_hours": 6})

        def until(hour: float) -> dict[str, int]:
            while clock.now < MONDAY + timedelta(hours=hour):
                upgrades.end_due(clock.passes(minutes=30))
                tick(clock=clock())
            return states(rollout)

        assert until(6.5) == {"running": 1, "planned": 1}
        fleet(world.main, [world.landscape], 1)
        assert until(7) == {"running": 1, "planned": 2}
        assert until(9) == {"succeeded": 2, "waiting": 1}, "told in hour 7, not before hour 13: until 37"
        blocked(upgrades)
        assert until(36) == {"succeeded": 2, "blocked": 1}
        assert until(38) == {"succeeded": 2, "left_behind": 1}
