"""When a rollout will be done heeds the windows of everybody who has yet to begin, before it starts and under way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.rollouts import services
from provisioner.rollouts.models import MaintenanceWindow, Rollout, Target
from provisioner.rollouts.parties import parties_of
from provisioner.rollouts.previewing import Preview
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import started
from tests.rolling_out import NEW, Upgrades, fleet, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
A_DAY = timedelta(days=1)


def midnight(days: int) -> datetime:
    return datetime.combine((utcnow() + days * A_DAY).date(), datetime.min.time(), UTC)


def window(world: World, days: int, **whose: object) -> datetime:
    """Give Archipel, or one of its runtimes, the whole day in so many days; return when that begins."""
    opens = midnight(days)
    owner = services.Owner(**({"tenant_id": world.archipel.id} | whose))  # type: ignore[arg-type]
    services.add_window(
        actor=world.alice.actor, owner=owner, days=[DAYS[opens.weekday()]], begin="00:00", end="24:00", time_zone="UTC"
    )  # fmt: skip
    return opens


def canaries_of_basalt(soak_hours: int = 0) -> dict[str, object]:
    soak = {"kind": "soak", "minutes": soak_hours * 60}
    canary = {"name": "canary", "select": "tenant=basalt", "after": [soak] if soak_hours else []}
    return {"stages": [canary, {"name": "rest", "deadline_hours": 20 * 24}], "max_concurrency": "100%"}


def preview(world: World, plan: Mapping[str, object]) -> Preview:
    return services.preview_rollout(actor=world.sam.actor, release=NEW, selector="all", plan=plan)


def under_way(world: World, plan: Mapping[str, object]) -> Rollout:
    with upgrading(Upgrades()):
        rollout = started(world, plan=plan)
        tick()
    rollout.refresh_from_db()
    return rollout


def test_a_stage_that_has_not_begun_is_done_when_its_members_windows_have_opened(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    fleet(world.main, [world.landscape], 1)
    opens, plan = window(world, 3), canaries_of_basalt()
    found = preview(world, plan)
    assert opens < found.finish.low < found.finish.high < opens + A_DAY
    assert found.finish.bound_by == "windows"
    assert found.latest_window is not None
    assert abs(found.latest_window - opens) < timedelta(seconds=1)
    rollout = under_way(world, plan)
    assert set(Target.objects.values_list("state", flat=True)) == {"planned", "running"}
    assert rollout.finish_low is not None
    assert opens < rollout.finish_low < opens + A_DAY
    assert rollout.finish_bound_by == "windows"


def test_a_window_that_shuts_before_its_stage_begins_counts_as_shut(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    fleet(world.main, [world.landscape], 1)
    today, plan = window(world, 0), canaries_of_basalt(soak_hours=25)
    found = preview(world, plan)
    assert [(one.name, one.wait_for_windows) for one in found.stages] == [("canary", 0), ("rest", 2)]
    assert today + 7 * A_DAY < found.finish.likely < today + 8 * A_DAY
    rollout = under_way(world, plan)
    assert rollout.finish_likely is not None
    assert today + 7 * A_DAY < rollout.finish_likely < today + 8 * A_DAY


def test_those_who_wait_for_the_same_windows_are_one_party_and_others_have_their_own(world: World) -> None:
    first, second, _ = fleet(world.shop, [world.landscape], 3)
    fleet(world.main, [world.landscape], 2)
    window(world, 3)
    opens = window(world, 1, tenant_id=None, runtime_id=first.pk)
    services.add_exclusion(
        actor=world.alice.actor, owner=services.Owner(runtime_id=second.pk), begins_at=midnight(2),
        ends_at=midnight(4), reason="a sale",
    )  # fmt: skip
    rollout = under_way(world, canaries_of_basalt())
    now = utcnow()
    (found,) = parties_of(rollout.id, now, ignores_windows=False).values()
    waits = sorted((one.members, round(one.may(0.0)[0])) for one in found)
    seconds = [round((at - now).total_seconds()) for at in (opens, opens + 2 * A_DAY, opens + 9 * A_DAY)]
    assert waits == [(1, seconds[0]), (1, seconds[1]), (1, seconds[2])]
    assert parties_of(rollout.id, now, ignores_windows=True) == {}


def test_whoever_joined_lately_is_waited_for_until_its_notice_is_over(world: World) -> None:
    fleet(world.shop, [world.landscape], 1)
    plan = {"stages": [{"name": "rest", "before": [{"kind": "soak", "minutes": 60}]}], "notice_hours": 30}
    with upgrading(Upgrades()):
        rollout = started(world, plan=plan)
        clock = utcnow()
        tick(clock=clock)
        fleet(world.main, [world.landscape], 1)
        tick(clock=clock + timedelta(hours=20))
    rollout.refresh_from_db()
    assert Target.objects.filter(rollout=rollout, reason_code="notice").count() == 1
    assert rollout.finish_low is not None
    assert rollout.finish_low > clock + timedelta(hours=50)


def test_a_canary_whose_window_opens_in_days_gives_its_place_to_one_alike_that_need_not_wait(
    world: World,
) -> None:
    fleet(world.shop, [world.landscape], 12)
    plan = {"stages": [{"name": "canary", "share": 4}, {"name": "rest"}]}

    def canaries(found: Preview) -> set[str]:
        return {one.split("/")[1] for one in found.stages[0].first}

    before = canaries(preview(world, plan))
    late = Runtime.objects.get(name=min(before))
    window(world, 5, tenant_id=None, runtime_id=late.pk)
    found = preview(world, plan)
    (other,) = canaries(found) - before
    assert before - canaries(found) == {late.name}
    assert Runtime.objects.get(name=other).region == late.region
    assert [one.sooner for one in found.stages] == [1, 0]
    MaintenanceWindow.objects.all().delete()
    window(world, 0, tenant_id=None, runtime_id=late.pk)
    assert canaries(preview(world, plan)) == before, "who can begin within a day stays"
