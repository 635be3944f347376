"""Every target that is not done has a stored reason, and who waits too long is left behind with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from controlplane.tenants.models import AuditEvent
from provisioner.operations.models import Operation
from provisioner.rollouts import reading, services, why_not
from provisioner.rollouts.models import Rollout, Target
from provisioner.rollouts.ticking import tick
from tests.db.test_rollouts_go_forward import Clock, started
from tests.rolling_out import Upgrades, fleet, no_gates, states, upgrading
from tests.work import refused
from tests.world import World, landscape

pytestmark = pytest.mark.django_db
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def reasons(rollout: Rollout, state: str) -> set[tuple[str, str]]:
    return set(Target.objects.filter(rollout=rollout, state=state).values_list("reason_code", "reason"))


def look_again(rollout: Rollout) -> None:
    Rollout.objects.filter(pk=rollout.pk).update(looked_at=timezone.now() - timedelta(minutes=1))


def test_who_waits_longer_than_its_stages_deadline_is_left_behind_with_its_last_reason(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    fleet(world.main, [world.landscape], 1)
    clock = Clock()
    day = DAYS[(clock.now + timedelta(days=2)).weekday()]
    services.add_window(
        actor=world.alice.actor, owner=services.Owner(tenant_id=world.archipel.id), days=[day], begin="02:00", end="03:00",
        time_zone="UTC",
    )  # fmt: skip
    stage = {"name": "rest", "deadline_hours": 3}
    with upgrading(Upgrades(seconds=lambda _: 0.0, clock=clock)) as upgrades:
        rollout = started(world, plan={"stages": [stage], "max_concurrency": "100%"})
        for _ in range(5):
            tick(clock=clock.passes(hours=1))
            upgrades.end_due(clock())
        tick(clock=clock.passes(hours=1))
        tick(clock=clock.passes(minutes=1))
    rollout.refresh_from_db()
    assert states(rollout) == {"succeeded": 1, "left_behind": 2}
    assert rollout.state == "completed"
    assert {code for code, _ in reasons(rollout, "left_behind")} == {"window"}
    behind = why_not.left_behind(actor=world.sam.actor)
    assert {row["code"] for row in behind if row["tenant"] == "archipel"} == {"window"}


def test_no_more_begin_in_a_minute_than_the_plan_lets(world: World) -> None:
    fleet(world.shop, [world.landscape], 9)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency="100%", starts_per_minute=6, burst=2))
        Rollout.objects.filter(pk=rollout.pk).update(tokens_at=clock())
        begun = []
        for seconds in (0, 1, 9, 10, 60):
            tick(clock=clock.passes(seconds=seconds))
            begun.append(len(upgrades.begun))
    assert begun == [2, 2, 3, 4, 6]  # never more than the burst at once, however long nothing began


def test_of_those_at_work_it_is_said_where_they_are_and_whether_that_is_unusual(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades()):
        rollout = started(world, plan=no_gates("rest", max_concurrency="100%"))
        tick()
        slow, paused = Operation.objects.order_by("id")
        usual = {"step": "roll", "seconds": 60, "at": "2026-11-01T00:00:00Z"}
        in_vain = {**usual, "seconds": 2700, "failed": "no answer"}
        Operation.objects.create(
            runtime=runtimes[0], tenant_id=runtimes[0].tenant_id, landscape_id=runtimes[0].landscape_id, kind="upgrade",
            generation=1, state="succeeded", step="roll", steps_done=[in_vain, usual], due_at=timezone.now(),
            deadline=timezone.now(), finished_at=timezone.now(), requested_by="t",
        )  # fmt: skip
        look_again(rollout)
        tick()
        assert reasons(rollout, "running") == {("working", "in step “roll”")}
        late = timezone.now() - timedelta(minutes=12)
        Operation.objects.filter(pk=slow.pk).update(step_started_at=late)
        Operation.objects.filter(pk=paused.pk).update(state="paused", reason="Paused by ada: our sale.")
        look_again(rollout)
        tick()
    assert reasons(rollout, "running") == {
        ("stuck", "stuck in step “roll” for 12 min where p95 is 1"),
        ("paused", "Paused by ada: our sale."),
    }
    services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look")
    groups = {row["code"]: row["targets"] for row in why_not.why_not_groups(actor=world.sam.actor)}
    assert groups == {"stuck": 1, "paused": 1}, (
        "whoever gets on is no reason, and a pause keeps nobody at work"
    )
    told = reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id).reasons
    assert [(one.state, one.code, one.targets) for one in told if one.code] == [
        ("running", "paused", 1),
        ("running", "stuck", 1),
    ]


def test_what_failed_in_a_rollout_that_stands_still_did_not_fail_because_of_that(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    clock = Clock()
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X")) as upgrades:
        started(world, plan=no_gates("rest", max_concurrency=1, max_failures=0))
        tick(clock=clock())
        upgrades.end_due(clock.passes(minutes=2))
        tick(clock=clock())
    groups = [(one["code"], one["targets"]) for one in why_not.why_not_groups(actor=world.sam.actor)]
    assert groups == [("halted", 2), ("ERR_X@roll", 1)]


def ended(operation: Operation, **how: object) -> None:
    Operation.objects.filter(pk=operation.pk).update(slot=None, finished_at=timezone.now(), **how)


def test_a_failure_that_only_the_tenant_can_mend_uses_up_no_budget(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    with upgrading(Upgrades()):
        rollout = started(world, plan=no_gates("rest", max_concurrency=1, max_failures=0))
        tick()
        ended(
            Operation.objects.get(), state="failed", error_class="fatal", error_code="webhook_blocks",
            error_message="A webhook blocks.", error_audience="tenant",
        )  # fmt: skip
        tick()
        rollout.refresh_from_db()
        assert rollout.state == "running"
        assert states(rollout) == {"failed": 1, "running": 1, "ready": 1}
        ended(
            Operation.objects.get(slot="active"), state="failed", error_class="fatal", error_code="ours",
            error_audience="sre",
        )  # fmt: skip
        tick()
        rollout.refresh_from_db()
        assert rollout.state == "halted"
        with refused("budget_exceeded"):
            services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        services.resume_rollout(
            actor=world.sam.actor, rollout_id=rollout.id, accept_failures=True, reason="old"
        )
        tick()
    accepted = AuditEvent.objects.get(action="rollout.accept_failures")
    assert accepted.changes == {"name": "October", "count": 1, "reason": "old"}
    assert states(rollout) == {"failed": 2, "running": 1}


def test_what_a_newer_wish_pushed_aside_before_it_began_is_tried_again(world: World) -> None:
    fleet(world.shop, [world.landscape], 1)
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=no_gates("rest"))
        tick(clock=clock())
        ended(
            Operation.objects.get(), state="cancelled", started_at=None, cancel_reason="superseded by update"
        )
        tick(clock=clock())
        assert reasons(rollout, "waiting") == {("pushed_aside", "pushed aside: superseded by update")}
        tick(clock=clock.passes(minutes=2))
        assert len(upgrades.begun) == 2
    assert states(rollout) == {"running": 1}


@pytest.mark.parametrize(
    ("limits", "where"),
    [
        ({"per_landscape": {"max_failures": 0, "max_concurrency": 1}}, "its landscape"),
        (
            {
                "stages": [
                    {
                        "name": "all",
                        "groups": [
                            {"name": "g", "select": "landscape=bad", "max_failures": 0, "max_concurrency": 1}
                        ],
                    }
                ]
            },
            "its group",
        ),
    ],
)
def test_who_stands_where_too_many_failed_is_told_so_and_the_others_go_on(
    world: World, limits: dict[str, Any], where: str
) -> None:
    bad = landscape("bad")
    fleet(world.shop, [bad], 4)
    fleet(world.main, [world.landscape], 4)
    clock = Clock()
    broken: set[UUID] = set()
    with upgrading(
        Upgrades(clock=clock, seconds=lambda _: 0.0, fails=lambda one: "ERR_X" if one in broken else "")
    ) as upgrades:
        rollout = started(
            world,
            plan={**no_gates("rest", max_concurrency="100%", max_failures="100%", breaker=False), **limits},
        )
        broken |= {one.runtime_id for one in Target.objects.filter(lane__landscape=bad)}
        for _ in range(6):
            tick(clock=clock.passes(seconds=20))
            upgrades.end_due(clock())
        tick(clock=clock.passes(seconds=20))
        tick(clock=clock.passes(seconds=20))
    rollout.refresh_from_db()
    assert rollout.state == "running"
    assert states(rollout) == {"succeeded": 4, "failed": 1, "ready": 3}
    assert reasons(rollout, "ready") == {("over_budget", f"over budget: 1 failed in {where}, 0 may")}
    groups = {row["code"]: row["targets"] for row in why_not.why_not_groups(actor=world.sam.actor)}
    assert groups["over_budget"] == 3


def test_an_urgent_rollout_goes_first_and_the_other_says_so(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades()) as upgrades:
        plain = started(world, plan=no_gates("rest", max_concurrency="100%"))
        held = started(
            world, name="fix", urgent=True,
            plan={"stages": [{"name": "rest", "before": [{"kind": "approval"}]}], "max_concurrency": "100%"},
        )  # fmt: skip
        tick(clock=datetime.now(UTC))
        assert not upgrades.begun
        assert reasons(plain, "waiting") == {("urgent_rollout", "urgent rollout fix goes first")}
        assert states(held) == {"planned": 2}
