"""A preview says who would be left behind as a window opens behind the deadline; nothing starts where that is everybody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.rollouts import services
from provisioner.rollouts.kept_preview import as_kept, preview_from
from provisioner.rollouts.models import Approval, Exclusion, Gate, MaintenanceWindow, Rollout, Target
from provisioner.rollouts.previewing import Preview
from provisioner.rollouts.ticking import tick
from tests.db.test_rollouts_go_forward import Clock, started
from tests.db.test_rollouts_say_when_done import A_DAY, DAYS, midnight, window
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, states, upgrading
from tests.signed_in import browse, text
from tests.work import refused
from tests.world import World

pytestmark = pytest.mark.django_db


def preview(world: World, plan: Mapping[str, Any]) -> Preview:
    return services.preview_rollout(actor=world.sam.actor, release=NEW, selector="all", plan=plan)


def stages(*hours: float, select: str = "tenant=basalt") -> dict[str, Any]:
    """Basalt's first; each stage waits for so long."""
    first = {"name": "first", "select": select, "deadline_hours": hours[0]}
    rest = [
        {"name": f"rest {number}", "share": "rest", "deadline_hours": one}
        for number, one in enumerate(hours[1:])
    ]
    return {"stages": [first, *rest], "max_concurrency": "100%"}


def two_tenants(world: World) -> None:
    """Two runtimes of Archipel, one of Basalt."""
    fleet(world.shop, [world.landscape], 2)
    fleet(world.main, [world.landscape], 1)


def test_whose_window_opens_behind_the_deadline_is_counted_and_named(world: World) -> None:
    two_tenants(world)
    opens = window(world, 5)
    found = preview(world, stages(168, 24))
    assert [(one.name, one.wait_for_windows, one.left_behind) for one in found.stages] == [
        ("first", 0, 0),
        ("rest 0", 2, 2),
    ]
    assert found.left_behind == 2
    (left,) = [one for one in found.ineligible if one.code == "window_behind_deadline"]
    assert (left.count, len(left.names), left.passing) == (2, 2, False)
    assert f"{opens:%d %b %Y} 00:00 UTC" in left.reason
    assert preview_from(as_kept(found)) == found
    assert preview(world, stages(168, 168)).left_behind == 0


def test_a_stage_begins_behind_those_before_it_that_wait_for_their_windows(world: World) -> None:
    two_tenants(world)
    day = DAYS[midnight(3).weekday()]
    MaintenanceWindow.objects.create(
        tenant=world.basalt, days=[day], begin="00:00", end="24:00", time_zone="UTC"
    )
    opens = window(world, 4)
    assert opens < utcnow() + 4 * A_DAY
    assert preview(world, stages(168, 48)).left_behind == 0, (
        "the first stage waits for days, and the next one from then on"
    )
    with refused("window_behind_deadline"):
        preview(world, stages(24, 24))


def test_what_is_said_comes_so(world: World) -> None:
    two_tenants(world)
    window(world, 3)
    plan = stages(168, 24)
    assert preview(world, plan).left_behind == 2
    with upgrading(Upgrades()) as upgrades:
        made = services.create_rollout(
            actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
        )
        services.start_rollout(actor=world.sam.actor, rollout_id=made.pk)
        now = utcnow()
        for minutes in (0, 60, 61, 25 * 60, 25 * 60 + 2, 25 * 60 + 4, 26 * 60):
            tick(clock=now + timedelta(minutes=minutes))
            upgrades.end_due(now + timedelta(minutes=minutes))
        tick(clock=now + timedelta(hours=30))
    assert states(made) == {"succeeded": 1, "left_behind": 2}


def test_what_would_leave_everybody_behind_is_refused_with_the_fix(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    window(world, 3)
    plan = no_gates("rest")
    plan["stages"][0]["deadline_hours"] = 1
    with refused("window_behind_deadline"):
        preview(world, plan)
    with refused("window_behind_deadline"):
        services.create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan)
    assert not Rollout.objects.exists()
    plan["stages"][0]["deadline_hours"] = 96
    assert preview(world, plan).left_behind == 0


def test_a_draft_whose_windows_are_too_late_by_now_does_not_start(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    plan = no_gates("rest")
    plan["stages"][0]["deadline_hours"] = 1
    made = services.create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
    )
    window(world, 3)
    with refused("window_behind_deadline"):
        services.start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    assert not Target.objects.exists()
    MaintenanceWindow.objects.all().delete()
    services.start_rollout(actor=world.sam.actor, rollout_id=made.pk)


def test_a_window_that_opens_while_the_gate_behind_the_stage_is_shut_is_not_too_late(world: World) -> None:
    two_tenants(world)
    window(world, 3)
    plan = stages(168, 24)
    plan["stages"][1]["after"] = [{"kind": "soak", "minutes": 3 * 24 * 60}]
    assert preview(world, plan).left_behind == 0


@pytest.mark.parametrize("side", ["before", "after"])
def test_nobody_knows_who_is_late_where_people_open_a_gate(world: World, side: str) -> None:
    """Opened in time lets everybody begin; shut for ever behind a stage it does so, too."""
    fleet(world.shop, [world.landscape], 2)
    window(world, 4)
    stage = {"name": "rest", "deadline_hours": 24, side: [{"kind": "approval"}]}
    plan = {"stages": [stage], "max_concurrency": "100%", "notice_hours": 0}
    assert preview(world, plan).left_behind == 0
    clock = Clock()
    with upgrading(Upgrades(clock=clock)) as upgrades:
        made = started(world, plan=plan)
        tick(clock=clock())
        tick(clock=clock.passes(hours=25))
        clock.now = midnight(4) - timedelta(hours=12)
        if side == "before":
            services.approve_gate(actor=world.sam.actor, rollout_id=made.pk, gate_id=Gate.objects.get().pk)
            Approval.objects.update(at=clock())
        for _ in range(3):
            tick(clock=clock.passes(hours=8))
            upgrades.end_due(clock())
        tick(clock=clock.passes(minutes=1))
    assert states(made) == {"succeeded": 2}


def test_who_is_late_whatever_people_do_behind_its_stage_is_counted(world: World) -> None:
    two_tenants(world)
    window(world, 4)
    plan = stages(24, 24, select="tenant=archipel")
    plan["stages"][1]["before"] = [{"kind": "approval"}]
    assert [one.left_behind for one in preview(world, plan).stages] == [2, 0]


def test_who_may_begin_only_before_its_stage_does_is_left_behind_and_waits_for_nothing(world: World) -> None:
    two_tenants(world)
    now = utcnow()
    MaintenanceWindow.objects.create(
        tenant=world.archipel, days=[*DAYS], begin="00:00", end="24:00", time_zone="UTC"
    )
    for month in range(14):
        begins = now + timedelta(days=3 + 30 * month)
        Exclusion.objects.create(
            tenant=world.archipel, begins_at=begins, ends_at=begins + timedelta(days=30), reason="season"
        )
    plan = stages(24, 24)
    plan["stages"][1]["before"] = [{"kind": "soak", "minutes": 5 * 24 * 60}]
    found = preview(world, plan)
    assert (found.wait_for_windows, found.latest_window, found.left_behind) == (0, None, 2)
    (left,) = [one for one in found.ineligible if one.code == "window_behind_deadline"]
    assert left.reason.endswith("their window never opens from its beginning on, as things stand.")
    alone = {"stages": plan["stages"][1:]}
    with refused("window_behind_deadline") as found_late:
        services.preview_rollout(actor=world.sam.actor, release=NEW, selector="tenant=archipel", plan=alone)
    assert "no window opens behind it" in found_late.value.detail


def test_the_page_says_it_to_the_minute_and_labels_whole_statements_so(world: World) -> None:
    two_tenants(world)
    opens = window(world, 5)
    made = services.create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=stages(168, 24)
    )
    kept = as_kept(preview(world, stages(168, 24)))
    for stage in kept["stages"]:
        stage["revenue"] = {"EUR": "8250.31"}
    Rollout.objects.filter(pk=made.pk).update(preview=kept, previewed_at=utcnow())
    page = text(browse(world.sam).get(f"/fleet/rollouts/{made.pk}/start"))
    waits = f"2 wait for their maintenance window or for an exclusion to end, the last until {opens:%d %b %Y}, 00:00 UTC"
    assert f"{waits}; 2 would be left behind: their window opens behind the deadline" in page
    assert "Stage rest 0 waits for windows until" in page
    assert "last statement of its tenant: 8,250.31 EUR" in page
    assert "a month" not in page


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (0.0, "0, or empty: not at all."),
        (24.0, "0: not at all. Empty: 24, and not at all where it is urgent."),
    ],
)
def test_what_an_empty_notice_means_is_said_once(
    world: World, settings: Any, hours: float, told: str
) -> None:
    settings.ROLLOUT_NOTICE_HOURS = hours
    page = text(browse(world.sam).get("/fleet/rollouts/new"))
    assert told in page
    assert "not at all. Empty: not at all" not in page
