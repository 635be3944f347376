"""A runtime comes from one release to another by the real flow and driver: hop by hop, judged, and halted where it does worse."""

from __future__ import annotations

import time
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from controlplane.catalog.releasing import point_channel
from provisioner.drivers.registry import connect
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.operations import sweeping
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests import work
from tests.plugins.simulator import Simulator
from tests.work import again
from tests.world import World, landscape, order

pytestmark = pytest.mark.django_db

client: Any = import_module("kubernetes.client")
config: Any = import_module("kubernetes.config")


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World, simulator: Simulator) -> None:
    landscape("upgraded", kubeconfig=simulator.kubeconfig)
    point_channel(actor=world.sam.actor, key="regular", release="2026.9.1")


def fulfil(operation: Operation, *, until: str = "succeeded", seconds: float = 30.0) -> list[str]:
    """Work with the real flow and driver until the operation is in that state, sparing it the waits; return their reasons."""
    deadline, reasons = time.monotonic() + seconds, list[str]()
    while again(operation).state != until:
        assert operation.state not in {"failed", "succeeded"}, operation.error_message
        assert time.monotonic() < deadline, operation.reason
        if operation.reason not in reasons:
            reasons.append(operation.reason)
        work.wait_ends(operation)
        sweeping.sweep()
        work.worker(connect=connect).work(1.0)
        time.sleep(0.05)
    return reasons


def test_two_minors_up_the_control_plane_passes_the_one_between_and_the_workers_are_rolled_once(
    world: World, simulator: Simulator
) -> None:
    built = order(world)
    fulfil(built)
    runtime: Runtime = built.runtime
    operation = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release="2026.11.1")
    assert [hop["key"] for hop in operation.input["hops"]] == ["2026.10.1", "2026.11.1"]
    reasons = fulfil(operation, seconds=60)
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.release_key) == ("ready", "2026.11.1")
    assert runtime.observed_generation == runtime.generation
    assert runtime.cluster_spec["kubernetes_version"] == runtime.cluster_spec["workers_version"] == "1.35.4"
    report = operation.kept["report"]
    assert report["outcome"] == "succeeded"
    assert {"what": "Kubernetes", "before": "1.33.8", "after": "1.35.4"} in report["changes"]
    assert report["before"]["nodes"].keys() == {"1.33.8"}
    assert report["after"]["nodes"].keys() == {"1.35.4"}
    assert reasons
    simulator.delete_shoot(runtime.cluster_name)
