"""Who comes later keeps to the same limits as everybody else: those of its group, and of its place though it be a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisioner.rollouts import reading
from provisioner.rollouts.models import Lane, Target
from provisioner.rollouts.ticking import tick
from tests.db.test_rollouts_go_forward import started
from tests.rolling_out import Upgrades, fleet, upgrading
from tests.world import World, landscape

pytestmark = pytest.mark.django_db
GROUP = {"name": " basalts", "select": "tenant=basalt", "max_concurrency": 1, "max_failures": 2}


@pytest.mark.parametrize(
    ("plan", "group", "burn"),
    [
        ({"stages": [{"name": "rest", "groups": [GROUP]}]}, "basalts", "group 0 basalts"),
        ({"per_landscape": {"max_concurrency": "30%", "max_failures": 2}}, "", "landscape {fresh}"),
        ({"per_region": {"max_concurrency": 1, "max_failures": 2}}, "", "region us-east-1"),
    ],
)
def test_later_members_begin_no_more_at_once_than_their_group_and_place_let(
    world: World, plan: dict[str, Any], group: str, burn: str
) -> None:
    fleet(world.shop, [world.landscape], 1)
    assert world.main.tenant.slug == "basalt", "it is there before its runtimes are"
    whole = {"stages": [{"name": "rest"}], "max_concurrency": 9, "max_failures": 9, **plan}
    with upgrading(Upgrades()):
        rollout = started(world, plan=whole)
        fresh = landscape("fresh")
        fleet(world.main, [fresh], 3, region="us-east-1")
        now = datetime.now(UTC) + timedelta(minutes=2)
        for later in (0, 1):
            tick(clock=now + timedelta(seconds=later))
    joined = Target.objects.filter(rollout=rollout, runtime__account=world.main)
    assert sorted(joined.values_list("state", flat=True)) == ["ready", "ready", "running"]
    assert set(Lane.objects.filter(landscape=fresh).values_list("group", flat=True)) == {group}
    told = {
        one.scope: one.allowed
        for one in reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id).burn
    }
    assert told[burn.format(fresh=fresh.pk)] == 2
