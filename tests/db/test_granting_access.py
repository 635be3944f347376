"""Administrators whom a tenant names are in the cluster when the operation has succeeded, and gone when a later one has."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import pytest

from provisioner.drivers.registry import connect
from provisioner.lifecycle.update import update_runtime
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
    landscape("administered", kubeconfig=simulator.kubeconfig)


def fulfil(operation: Operation, seconds: float = 20.0) -> None:
    """Work with the real flow and driver until the operation has succeeded, sparing it the waits."""
    deadline = time.monotonic() + seconds
    while again(operation).state != "succeeded":
        assert operation.state != "failed", operation.error_message
        assert time.monotonic() < deadline, operation.reason
        work.wait_ends(operation)
        sweeping.sweep()
        work.worker(connect=connect).work(1.0)
        time.sleep(0.05)


def administrators(simulator: Simulator, runtime: Runtime) -> list[str] | None:
    """The users that are bound in the cluster; None without a binding."""
    with config.new_client_from_config(str(simulator.kubeconfig_of(runtime.cluster_name))) as api:
        found = client.RbacAuthorizationV1Api(api).list_cluster_role_binding(
            label_selector="app.kubernetes.io/managed-by=nesoi"
        )
    return [user.name for user in found.items[0].subjects or ()] if found.items else None


def test_administrators_come_with_the_cluster_and_go_with_an_update(
    world: World, simulator: Simulator
) -> None:
    operation = order(world, parameters={"region": "eu-central-1", "administrators": ["ada", "bob"]})
    runtime: Runtime = operation.runtime
    fulfil(operation)
    assert administrators(simulator, runtime) == ["ada", "bob"]
    for left in (["bob"], []):
        _, update = update_runtime(
            actor=world.alice.actor, runtime_id=runtime.id, parameters={"administrators": left}
        )
        assert update is not None
        fulfil(update)
        assert administrators(simulator, runtime) == left
    simulator.delete_shoot(runtime.cluster_name)


def test_a_runtime_that_names_nobody_is_given_no_binding(world: World, simulator: Simulator) -> None:
    operation = order(world)
    fulfil(operation)
    assert "grant_access" in [entry["step"] for entry in operation.steps_done]
    assert administrators(simulator, operation.runtime) is None
    simulator.delete_shoot(operation.runtime.cluster_name)
