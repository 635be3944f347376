"""A cluster that is awake though it is to sleep, or sleeps though it is to wake, is told so by the step that waits for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.operations.models import Operation
from provisioner.operations.services import retry_operation, skip_step
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import Simulator
from tests.upgrading import fulfil, reach, ready_to_upgrade
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World, simulator: Simulator) -> Iterator[Runtime]:
    with ready_to_upgrade(world, simulator) as built:
        built.refresh_from_db()
        yield built


def suspend(world: World, runtime: Runtime) -> Operation:
    return suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


def skip(world: World, operation: Operation, step: str) -> None:
    skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="Ordered by hand.", step=step)


def wake_by_hand(simulator: Simulator, runtime: Runtime) -> None:
    simulator.patch_shoot(runtime.cluster_name, {"spec": {"hibernation": {"enabled": False}}})
    simulator.wait_for(runtime.cluster_name)
    assert not sleeps(simulator, runtime)


def sleeps(simulator: Simulator, runtime: Runtime) -> bool:
    return bool(simulator.shoot(runtime.cluster_name)["status"]["hibernated"])


def phase(runtime: Runtime) -> str:
    runtime.refresh_from_db()
    return runtime.phase


def test_a_suspension_whose_order_was_skipped_puts_the_cluster_to_sleep(
    world: World, runtime: Runtime, simulator: Simulator
) -> None:
    operation = suspend(world, runtime)
    skip(world, operation, "hibernate_cluster")
    before = simulator.shoot(runtime.cluster_name)["metadata"]["generation"]
    fulfil(operation)
    assert (phase(runtime), sleeps(simulator, runtime)) == ("suspended", True)
    assert simulator.shoot(runtime.cluster_name)["metadata"]["generation"] == before + 1


def test_a_cluster_that_somebody_woke_does_not_pass_for_asleep_though_the_order_was_ours(
    world: World, runtime: Runtime, simulator: Simulator
) -> None:
    operation = suspend(world, runtime)
    reach(operation, lambda seen: seen.step == "await_sleep")
    wake_by_hand(simulator, runtime)
    sight = {"situation": "ready", "hibernated": False, "owner": {"operation": str(operation.pk)}}
    Runtime.objects.filter(pk=runtime.pk).update(status=sight)
    fulfil(operation)
    assert (phase(runtime), sleeps(simulator, runtime)) == ("suspended", True)


def test_a_suspension_that_failed_over_a_cluster_awake_is_mended_by_a_retry(
    world: World, runtime: Runtime, simulator: Simulator
) -> None:
    operation = suspend(world, runtime)
    reach(operation, lambda seen: seen.step == "await_sleep")
    wake_by_hand(simulator, runtime)
    Operation.objects.filter(pk=operation.pk).update(
        state="failed", slot=None, finished_at=operation.created_at
    )
    Runtime.objects.filter(pk=runtime.pk).update(phase="failed")
    retry_operation(actor=world.sam.actor, operation_id=operation.pk)
    fulfil(operation)
    assert (phase(runtime), sleeps(simulator, runtime)) == ("suspended", True)


def test_a_resumption_whose_order_was_skipped_wakes_the_cluster(
    world: World, runtime: Runtime, simulator: Simulator
) -> None:
    fulfil(suspend(world, runtime))
    operation = resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    skip(world, operation, "ensure_cluster")
    fulfil(operation)
    assert (phase(runtime), sleeps(simulator, runtime)) == ("ready", False)
