"""A rollout ends when somebody closes it or its deadlines say so: whatever gate or budget stands in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.tenants.models import AuditEvent
from provisioner.operations.models import Operation
from provisioner.rollouts import services
from provisioner.rollouts.closing import ends_of
from provisioner.rollouts.models import Rollout, Stage, Target
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, counted, started
from tests.rolling_out import Upgrades, fleet, no_gates, states, upgrading
from tests.work import refused
from tests.world import World, landscape

pytestmark = pytest.mark.django_db
APPROVAL = {"kind": "approval"}


def state(rollout: Rollout) -> str:
    rollout.refresh_from_db()
    return rollout.state


def close(world: World, rollout: Rollout) -> None:
    services.close_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")


def test_a_rollout_that_is_closed_at_a_gate_ends_without_anybodys_approval(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    clock = Clock()
    plan = {
        "stages": [
            {"name": "canary", "share": 1, "after": [APPROVAL]},
            {"name": "rest", "before": [APPROVAL]},
        ]
    }
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan)
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
        assert list(Stage.objects.order_by("position").values_list("state", "hold")) == [
            ("leaving", "waits for 1 approval"),
            ("pending", ""),
        ]
        close(world, rollout)
        tick(clock=clock.passes(seconds=1))
    assert state(rollout) == "completed"
    assert states(rollout) == counted(rollout) == {"succeeded": 1, "left_behind": 2}
    assert list(Stage.objects.order_by("position").values_list("state", "hold")) == [
        ("passed", ""),
        ("skipped", ""),
    ]


def test_what_runs_ends_in_a_closed_rollout_and_nobody_joins_it(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    clock = Clock()
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 600.0)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick(clock=clock())
        close(world, rollout)
        fleet(world.main, [world.landscape], 1)
        tick(clock=clock.passes(minutes=2))
        assert (state(rollout), states(rollout)) == ("running", {"running": 1, "left_behind": 1})
        upgrades.end_due(clock.passes(minutes=10))
        tick(clock=clock())
        assert (state(rollout), len(upgrades.begun)) == ("completed", 1)
        again = services.Choice(state="left_behind")
        assert services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=again) == 1
        tick(clock=clock())
        assert (state(rollout), len(upgrades.begun)) == ("running", 2)


@pytest.mark.parametrize("paused", [False, True])
def test_a_rollout_that_is_closed_twice_was_closed_once(world: World, paused: bool) -> None:
    fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades(seconds=lambda _: 600.0)):
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick()
        close(world, rollout)
        if paused:
            services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look")
        before = Rollout.objects.values("closed_at", "hold", "state").get()
        with refused("rollout_closed") as caught:
            services.close_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="another reason")
    assert "already" in caught.value.detail
    assert Rollout.objects.values("closed_at", "hold", "state").get() == before
    assert AuditEvent.objects.filter(action="rollout.closed").count() == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("draft", "rollout_not_started"),
        ("paused", "rollout_not_running"),
        ("halted", "rollout_not_running"),
        ("aborting", "rollout_ended"),
    ],
)
def test_only_a_running_rollout_is_closed_and_each_other_one_says_what_it_is(
    world: World, state: str, code: str
) -> None:
    fleet(world.shop, [world.landscape], 2)
    rollout = started(world, plan=no_gates("rest"))
    Rollout.objects.filter(pk=rollout.pk).update(state=state)
    with refused(code):
        close(world, rollout)
    assert Rollout.objects.get().closed_at is None


def test_a_closed_rollout_ends_with_its_last_upgrade_however_that_comes_out(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    clock = Clock()
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_BROKEN")) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1, max_failures=0))
        tick(clock=clock())
        close(world, rollout)
        assert (state(rollout), rollout.hold) == ("running", "Closed by token:sam: enough")
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
        assert (state(rollout), rollout.hold) == ("completed", "")
        assert states(rollout) == counted(rollout) == {"failed": 1, "left_behind": 2}
        again = services.Choice(state="failed")
        services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=again)
        tick(clock=clock.passes(seconds=1))
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
    assert (state(rollout), len(upgrades.begun)) == ("halted", 2), "it is open again, with its budget"


def test_who_a_closed_rollout_leaves_behind_is_told_what_it_waited_for(world: World) -> None:
    fleet(world.shop, [world.landscape], 4)
    with upgrading(Upgrades()):
        rollout = started(world, plan=no_gates("rest"))
        one, two, three, four = Target.objects.order_by("position").values_list("pk", flat=True)
        waiting = Target.objects.filter(pk__in=[one, two, three, four])
        waiting.update(
            state="waiting",
            due_at=utcnow() + timedelta(days=3),
            reason="excluded until Fri 27 Nov",
            reason_before="",
        )
        waiting.filter(pk=two).update(reason_before="ERR_X: it broke")
        waiting.filter(pk=three).update(reason="")
        waiting.filter(pk=four).update(reason="long " * 99, reason_before="ERR_X: " + "it broke " * 50)
        services.close_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="good enough")
    told = dict(Target.objects.filter(state="left_behind").values_list("pk", "reason"))
    closed = "Closed by token:sam: good enough"
    assert told[one] == f"{closed}; before: excluded until Fri 27 Nov"
    assert told[two] == f"{told[one]}; before it was tried again: ERR_X: it broke"
    assert told[three] == closed
    assert told[four].startswith(f"{closed}; before: long long")
    assert "; before it was tried again: ERR_X: it broke it" in told[four]
    assert set(Target.objects.values_list("reason_code", flat=True)) == {"closed"}


def push_aside(upgrades: Upgrades) -> None:
    """Let a newer wish take the slot of what was ordered and has not begun."""
    Operation.objects.filter(pk__in=list(upgrades.due)).update(
        state="cancelled",
        slot=None,
        started_at=None,
        cancel_reason="a newer wish",
        finished_at=upgrades.clock(),
    )
    upgrades.due.clear()


@pytest.mark.parametrize(("end", "becomes"), [("close", "completed"), ("abort", "aborted")])
def test_what_is_pushed_aside_after_the_end_of_its_rollout_does_not_begin_once_more(
    world: World, end: str, becomes: str
) -> None:
    fleet(world.shop, [world.landscape], 2)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick(clock=clock())
        getattr(services, f"{end}_rollout")(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")
        push_aside(upgrades)
        for _ in range(3):
            tick(clock=clock.passes(minutes=2))
    assert (state(rollout), len(upgrades.begun)) == (becomes, 1)
    assert states(rollout) == counted(rollout) == {"left_behind": 2}
    assert sorted(Target.objects.values_list("reason_code", flat=True)) == sorted(
        ["pushed_aside", "closed" if end == "close" else "aborted"]
    )


@pytest.mark.parametrize(("end", "becomes"), [("close", "completed"), ("abort", "aborted")])
def test_what_was_decided_and_not_ordered_does_not_begin_once_its_rollout_is_ended(
    world: World, end: str, becomes: str
) -> None:
    fleet(world.shop, [world.landscape], 2)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick(clock=clock(), most_starts=0)
        assert states(rollout) == {"starting": 1, "ready": 1}
        getattr(services, f"{end}_rollout")(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")
        tick(clock=clock.passes(seconds=1))
        tick(clock=clock.passes(seconds=1))
    assert (state(rollout), upgrades.begun) == (becomes, [])
    assert states(rollout) == counted(rollout) == {"left_behind": 2}


def test_who_stands_where_too_many_failed_is_left_behind_at_the_deadline(world: World) -> None:
    bad = landscape("bad")
    fleet(world.shop, [bad], 3)
    fleet(world.main, [world.landscape], 2)
    clock, broken = Clock(), set[UUID]()
    limits = {"max_concurrency": "100%", "max_failures": "100%", "breaker": False}
    plan = {
        "stages": [{"name": "rest", "deadline_hours": 1}],
        "per_landscape": {"max_failures": 0, "max_concurrency": 1},
        **limits,
    }
    with upgrading(Upgrades(clock=clock, fails=lambda one: "ERR_X" if one in broken else "")) as upgrades:
        rollout = started(world, plan=plan)
        broken |= set(Runtime.objects.filter(landscape=bad).values_list("pk", flat=True))
        for _ in range(4):
            tick(clock=clock.passes(minutes=2))
            upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock.passes(minutes=1))
        assert (state(rollout), states(rollout)) == ("running", {"failed": 1, "ready": 2, "succeeded": 2})
        for _ in range(3):
            tick(clock=clock.passes(minutes=30))
    assert state(rollout) == "completed"
    assert states(rollout) == counted(rollout) == {"failed": 1, "left_behind": 2, "succeeded": 2}
    assert set(Target.objects.filter(state="left_behind").values_list("reason_code", "reason")) == {
        ("over_budget", "over budget: 1 failed in its landscape, 0 may")
    }


def test_a_runtime_that_is_removed_while_it_waits_holds_its_stage_up_no_longer(world: World) -> None:
    first, _ = fleet(world.shop, [world.landscape], 2)
    fleet(world.main, [world.landscape], 1)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(datetime.now(UTC) + timedelta(days=2)).weekday()]
    services.add_window(
        actor=world.alice.actor, owner=services.Owner(tenant_id=world.archipel.id), days=[day], begin="02:00",
        end="03:00", time_zone="UTC",
    )  # fmt: skip
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency="100%"))
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
        assert states(rollout) == {"succeeded": 1, "waiting": 2}
        Runtime.objects.filter(pk=first.pk).update(phase="deprovisioned", deleted_at=clock())
        tick(clock=clock.passes(seconds=20))
    assert states(rollout) == counted(rollout) == {"succeeded": 1, "waiting": 1, "gone": 1}


def test_who_is_asked_hears_that_only_what_runs_ends_and_who_is_about_to_start_is_left(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    clock = Clock()
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 600.0)):
        rollout = started(world, plan=no_gates("rest", max_concurrency=2))
        tick(clock=clock())
        decided = Target.objects.filter(state="running").first()
        assert decided is not None
        Target.objects.filter(pk=decided.pk).update(state="starting", operation=None)
        asked = ends_of(actor=world.sam.actor, rollout_id=rollout.id)
        assert asked.in_words().startswith("1 under way may end. 2 would be left behind")
        close(world, rollout)
    assert states(rollout) == {"running": 1, "left_behind": 2}


def test_a_closed_rollout_that_is_paused_says_so_when_it_goes_on_and_ends_without_it(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    clock, sam = Clock(), world.sam.actor
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 600.0)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick(clock=clock())
        close(world, rollout)
        services.pause_rollout(actor=sam, rollout_id=rollout.id, reason="a storm")
        services.resume_rollout(actor=sam, rollout_id=rollout.id)
        assert (state(rollout), rollout.hold[:17]) == ("running", "It was closed: wh")
        services.stop_everything(actor=sam, reason="another storm")
        tick(clock=clock.passes(minutes=2))
        assert state(rollout) == "paused", "one runs yet"
        upgrades.end_due(clock.passes(minutes=10))
        tick(clock=clock())
    assert (state(rollout), states(rollout)) == ("completed", {"succeeded": 1, "left_behind": 1})
