"""Who can't come along when a rollout starts is left behind with the reason of its own, not with that of another."""

from __future__ import annotations

import pytest

from provisioner.rollouts.models import Target
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import started
from tests.rolling_out import Upgrades, fleet, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db
PLAN = {"stages": [{"name": "rest"}], "ineligible": "leave"}


def strange(runtimes: list[Runtime], *architectures: str) -> None:
    """Give these nodes for which the release has no machine image."""
    for runtime, architecture in zip(runtimes, architectures, strict=True):
        spec = runtime.cluster_spec
        pool = {**spec["pools"][0], "architecture": architecture}
        runtime.cluster_spec = {**spec, "pools": [pool]}
        runtime.save()


def test_each_is_left_behind_for_its_own_reason(world: World) -> None:
    fleet(world.main, [world.landscape], 2)
    one, two, three = fleet(world.shop, [world.landscape], 3)
    strange([one, two, three], "s390x", "riscv64", "s390x")
    with upgrading(Upgrades()):
        rollout = started(world, plan=PLAN)
    left = Target.objects.filter(rollout=rollout, state="left_behind")
    told = {row.runtime_id: (row.reason_code, row.reason) for row in left}
    assert {code for code, _ in told.values()} == {"plan_unsupported"}
    assert "s390x" in told[one.pk][1]
    assert "riscv64" in told[two.pk][1]
    assert told[three.pk] == told[one.pk]
    assert left.filter(finished_at=None).count() == 0
