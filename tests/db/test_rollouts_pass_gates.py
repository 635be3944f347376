"""Gates look by look: a stage stays shut for its gate's reason, opens for it and not before, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import AuditEvent
from provisioner.rollouts import ports, services, why_not
from provisioner.rollouts.models import Gate, Rollout, Stage, Target
from provisioner.rollouts.ports import Upgraded
from provisioner.rollouts.starting import start_decided
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, started
from tests.rolling_out import Upgrades, fleet, set_status, states, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db


def plan(*, before: Any = (), after: Any = (), **more: Any) -> dict[str, Any]:
    """A canary of two with gates behind it, and the rest with gates before."""
    stages = [{"name": "canary", "share": 2, "after": list(after)}, {"name": "rest", "before": list(before)}]
    return {"stages": stages, "max_concurrency": "100%", "max_failures": "100%", **more}


def canaries_done(upgrades: Upgrades, clock: Clock) -> None:
    """Let the canaries be upgraded, and their stage be looked at."""
    tick(clock=clock())
    upgrades.end_due(clock.passes(minutes=2))
    tick(clock=clock())


def stands() -> list[tuple[str, str]]:
    return list(Stage.objects.order_by("position").values_list("state", "hold"))


def begun(upgrades: Upgrades, clock: Clock, **span: float) -> int:
    """Let time pass, look, and say how many have begun."""
    tick(clock=clock.passes(**span))
    return len(upgrades.begun)


def state(rollout: Rollout) -> str:
    rollout.refresh_from_db()
    return rollout.state


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runtimes(world: World) -> list[Runtime]:
    return fleet(world.shop, [world.landscape], 6)


def test_nobody_follows_the_canaries_before_they_have_soaked(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[{"kind": "soak", "minutes": 60}]))
        canaries_done(upgrades, clock)
        until = clock() + timedelta(hours=1)
        words = f"soaks until {until:%d %b %H:%M} UTC"
        assert stands() == [("leaving", words), ("pending", "")]
        groups = why_not.why_not_groups(actor=world.sam.actor)
        assert [(one["code"], one["reason"], one["targets"]) for one in groups] == [("stage", words, 4)]
        assert begun(upgrades, clock, minutes=59) == 2
        assert begun(upgrades, clock, minutes=2) == 6
    gate = Gate.objects.get(kind="soak")
    assert (gate.open, gate.opened_by, gate.reason) == (True, "", "soaked for 60 min")
    assert states(rollout) == {"succeeded": 2, "running": 4}
    told = AuditEvent.objects.filter(action__startswith="rollout.gate", target_id=str(rollout.id))
    assert list(told.order_by("id").values_list("action", flat=True)) == [
        "rollout.gate.waiting",
        "rollout.gate.open",
    ]


def test_a_pause_during_the_soak_keeps_the_next_stage_back_and_time_goes_on(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[{"kind": "soak", "minutes": 60}]))
        canaries_done(upgrades, clock)
        services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look")
        assert begun(upgrades, clock, minutes=61) == 2
        assert stands()[0][0] == "leaving"
        services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        assert begun(upgrades, clock, seconds=1) == 6
        assert stands() == [("passed", ""), ("running", "")]


def test_a_canary_that_is_tried_again_has_the_soak_begin_once_more(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    broken = {"yes"}
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X" if broken else "")) as upgrades:
        rollout = started(world, plan=plan(after=[{"kind": "soak", "minutes": 60}]))
        canaries_done(upgrades, clock)
        assert states(rollout) == {"failed": 2, "planned": 4}
        tick(clock=clock.passes(minutes=50))
        broken.clear()
        again = services.Choice(state="failed")
        services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=again)
        tick(clock=clock.passes(seconds=1))
        assert stands()[0] == ("running", "")
        upgrades.end_due(clock.passes(minutes=2))
        assert begun(upgrades, clock, seconds=1) == 4
        assert begun(upgrades, clock, minutes=59) == 4, "an hour from the second time on"
        assert begun(upgrades, clock, minutes=2) == 8


def blocks_one(mended: set[str]) -> Callable[[UUID], None]:
    """Refuse the first that comes until it is mended, and every time that it comes again."""
    picked: list[UUID] = []

    def refuses(runtime_id: UUID) -> None:
        picked[:] = picked or [runtime_id]
        if runtime_id == picked[0] and not mended:
            raise Refused("upgrade_blocked", "A webhook of theirs catches our requests.", status=409)

    return refuses


def test_a_blocked_canary_that_is_refused_again_lets_the_soak_go_on(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock, refuses=blocks_one(set()))) as upgrades:
        rollout = started(world, plan=plan(after=[{"kind": "soak", "minutes": 60}]))
        canaries_done(upgrades, clock)
        soaking = stands()
        assert (soaking[0][0], states(rollout)) == ("leaving", {"succeeded": 1, "blocked": 1, "planned": 4})
        for _ in range(5):  # each time another one looks between the decision and the door's refusal
            tick(clock=clock.passes(minutes=11), most_starts=0)
            assert states(rollout)["starting"] == 1
            tick(clock=clock.passes(seconds=1), most_starts=0)
            assert stands() == soaking
            start_decided(clock=clock())
            assert states(rollout)["blocked"] == 1
        assert begun(upgrades, clock, minutes=3) == 1
        assert begun(upgrades, clock, minutes=2) == 5
    told = AuditEvent.objects.filter(action="rollout.stage.running", target_id=str(rollout.id))
    assert told.count() == 2, "each stage once"


def test_a_blocked_canary_that_begins_after_all_has_the_soak_begin_once_more(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    mended: set[str] = set()
    with upgrading(Upgrades(clock=clock, refuses=blocks_one(mended))) as upgrades:
        rollout = started(world, plan=plan(after=[{"kind": "soak", "minutes": 60}]))
        canaries_done(upgrades, clock)
        mended.add("yes")
        assert begun(upgrades, clock, minutes=11) == 2
        tick(clock=clock.passes(seconds=1))
        assert (stands()[0], states(rollout)["running"]) == (("running", ""), 1)
        gate = Gate.objects.get()
        assert (gate.since, gate.until, gate.reason) == (None, None, "")
        upgrades.end_due(clock.passes(minutes=2))
        assert begun(upgrades, clock, seconds=1) == 2
        assert begun(upgrades, clock, minutes=59) == 2
        assert begun(upgrades, clock, minutes=2) == 6


def test_a_breaker_that_trips_during_the_soak_halts_it_until_a_person_says_so(
    world: World, clock: Clock
) -> None:
    everyone = fleet(world.shop, [world.landscape], 40)
    wish = plan(after=[{"kind": "soak", "minutes": 60}])
    wish["stages"][0]["share"] = 20
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=wish)
        canaries_done(upgrades, clock)
        done = {one for _, one in upgrades.begun}
        ill = [one for one in everyone if one.pk in done]
        set_status(ill, "unhealthy")
        tick(clock=clock.passes(minutes=1))
        assert state(rollout) == "halted"
        assert begun(upgrades, clock, minutes=90) == 20, "the hour is over, and it is halted still"
        set_status(ill, "ready")
        services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        assert begun(upgrades, clock, seconds=20) == 40


def test_a_stage_begins_at_its_scheduled_moment_and_not_before(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    at = clock() + timedelta(hours=30)
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(before=[{"kind": "scheduled_start", "at": rfc3339(at)}]))
        canaries_done(upgrades, clock)
        assert stands() == [("passed", ""), ("entering", f"begins at {at:%d %b %H:%M} UTC")]
        clock.now = at - timedelta(seconds=30)
        assert begun(upgrades, clock, seconds=0) == 2
        rollout.refresh_from_db()
        assert rollout.finish_low is not None
        assert rollout.finish_low > at
        assert begun(upgrades, clock, seconds=31) == 6


def test_a_gate_of_health_stays_shut_while_the_upgraded_are_ill(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    gate = {"kind": "health", "healthy_percent": 80, "minutes": 30}
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[gate], breaker=False))
        canaries_done(upgrades, clock)
        first = [one for one in runtimes if one.pk in {key for _, key in upgrades.begun}][:1]
        assert stands()[0][1].startswith("100.0 % of 2 upgraded runtimes healthy, watched until")
        set_status(first, "unhealthy")
        assert begun(upgrades, clock, minutes=31) == 2
        assert stands()[0] == ("leaving", "50.0 % of 2 upgraded runtimes healthy, needs 80 %")
        assert begun(upgrades, clock, hours=5) == 2
        assert state(rollout) == "running"
        set_status(first, "ready")
        assert begun(upgrades, clock, seconds=31) == 6


def test_a_gate_of_the_footprint_waits_for_measurements_and_asks_again_only_now_and_then(
    world: World, runtimes: list[Runtime], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float | None] = [None, 9.0, 3.0]
    asked: list[list[Upgraded]] = []

    def change(upgraded: list[Upgraded], _now: object) -> float | None:
        asked.append(upgraded)
        return measured[len(asked) - 1]

    monkeypatch.setattr(ports, "footprint_change", change)
    with upgrading(Upgrades(clock=clock)) as upgrades:
        started(world, plan=plan(after=[{"kind": "footprint", "growth_percent": 5}]))
        canaries_done(upgrades, clock)
        assert stands()[0] == ("leaving", "waits for measurements of the upgraded runtimes")
        assert {one.runtime_id for one in asked[0]} == {key for _, key in upgrades.begun}
        assert begun(upgrades, clock, minutes=4) == 2
        assert len(asked) == 1
        assert begun(upgrades, clock, minutes=2) == 2
        assert stands()[0][1] == "footprint +9.0 %, allowed +5 %"
        assert begun(upgrades, clock, minutes=6) == 6
    assert len(asked) == 3


def test_a_gate_of_the_footprint_opens_where_nobody_was_upgraded(
    world: World, runtimes: list[Runtime], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "footprint_change", lambda _upgraded, _now: None)
    with upgrading(Upgrades(clock=clock)) as upgrades:
        gates = {"after": [{"kind": "footprint"}], "before": [{"kind": "approval"}]}
        rollout = started(world, plan=plan(**gates))
        canaries = [one.pk for one in Target.objects.filter(rollout=rollout).order_by("position")[:2]]
        services.skip_targets(
            actor=world.sam.actor, rollout_id=rollout.id, choice=services.Choice(target_ids=canaries), reason="x"
        )  # fmt: skip
        tick(clock=clock.passes(seconds=1))
        gate = Gate.objects.get(kind="footprint")
        assert (gate.open, gate.reason) == (True, "nobody was upgraded: nothing to measure")
        assert stands() == [("passed", ""), ("entering", "waits for 1 approval")]
        assert not upgrades.begun


def test_whoever_opens_a_gate_by_hand_is_kept_with_the_reason(
    world: World, runtimes: list[Runtime], clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[{"kind": "soak", "minutes": 600}]))
        canaries_done(upgrades, clock)
        gate = Gate.objects.get(kind="soak")
        services.open_gate(
            actor=world.sam.actor, rollout_id=rollout.id, gate_id=gate.pk, reason="soaked elsewhere"
        )
        assert begun(upgrades, clock, seconds=1) == 6
    gate.refresh_from_db()
    assert (gate.open, gate.opened_by) == (True, "token:sam")
