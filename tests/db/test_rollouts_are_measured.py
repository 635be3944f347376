"""Prometheus sees rollouts as they are: by stage and reason, held, waiting, and whom they left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controlplane.kernel.clock import utcnow
from provisioner.rollouts import metrics, services
from provisioner.rollouts.models import Gate, Rollout
from provisioner.rollouts.ticking import tick
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db


def started(world: World, plan: Any) -> Rollout:
    wish: dict[str, Any] = {"name": "October", "release": NEW, "selector": "all", "plan": plan}
    draft = services.create_rollout(actor=world.sam.actor, **wish)
    return services.start_rollout(actor=world.sam.actor, rollout_id=draft.id)


def told(name: str, **labels: str) -> list[float]:
    """Values of a gauge whose labels are these among others."""
    registry = CollectorRegistry()
    metrics.register(registry)
    return [
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def test_a_scrape_tells_stages_reasons_states_gates_and_the_emergency_stop(world: World) -> None:
    fleet(world.shop, [world.landscape], 6)
    gate = {"kind": "approval"}
    plan = {"stages": [{"name": "canary", "share": 1, "before": [gate]}, {"name": "rest"}]}
    rollout = started(world, plan)
    tick()
    assert told("nesoi_rollout_targets", rollout="October", stage="rest", state="planned") == [5]
    assert told("nesoi_rollout_state", state="running") == [1]
    assert told("nesoi_rollout_state", state="halted") == []
    Gate.objects.update(since=utcnow() - timedelta(hours=5))
    (waiting,) = told("nesoi_rollout_gate_waiting_seconds", stage="canary", gate="approval")
    assert abs(waiting - 5 * 3600) < 60
    Gate.objects.update(until=utcnow() + timedelta(hours=1))
    assert told("nesoi_rollout_gate_waiting_seconds") == []
    with upgrading(Upgrades()):
        services.open_gate(
            actor=world.sam.actor, rollout_id=rollout.id, gate_id=Gate.objects.get().pk, reason="x"
        )
        tick()
    assert told("nesoi_rollouts_emergency_stop") == [0]
    services.stop_everything(actor=world.sam.actor, reason="a fire")
    assert told("nesoi_rollouts_emergency_stop") == [1]


def test_whoever_an_ended_rollout_left_behind_is_counted_until_somebody_answers(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 3)
    rollout = started(world, no_gates("rest"))
    services.close_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")
    assert told("nesoi_rollout_left_behind") == []
    tick()
    services.waive_runtime(
        actor=world.sam.actor, runtime_id=runtimes[0].pk, owner="ada", reason="x", expires_at=utcnow() + timedelta(days=9)
    )  # fmt: skip
    runtimes[1].spec = {**runtimes[1].spec, "release": {**runtimes[1].spec["release"], "key": "2026.11.1"}}
    runtimes[1].save()
    assert told("nesoi_rollout_left_behind", waived="false") == [1]
    assert told("nesoi_rollout_left_behind", waived="true") == [1]
