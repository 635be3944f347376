"""The consent to build a vanished cluster anew is neither lost nor invented, whatever waits behind the work that has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.kernel.errors import Fatal
from controlplane.tenants.models import Tenant
from provisioner.drivers.base import CLUSTER_MISSING
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations import ledger, services, sweeping
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot, State
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase
from provisioner.steps.base import REBUILD, Outcome, StepContext
from tests import work
from tests.signed_in import build
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ground() -> Iterator[work.Ground]:
    """Where the cluster is gone."""
    ground = work.Ground()
    ground.there = False
    with ground.flows():
        yield ground


@pytest.fixture
def runtime(world: World) -> Runtime:
    return build(world)


def change(world: World, runtime: Runtime, maximum: int = 9) -> Operation:
    _, operation = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": maximum}
    )
    assert operation is not None
    return operation


def stands(runtime: Runtime) -> tuple[str, bool]:
    runtime.refresh_from_db()
    return runtime.phase, runtime.observed_generation == runtime.generation


def fails(_: StepContext) -> Outcome:
    raise Fatal("No.", code="quota")


def lost(world: World, runtime: Runtime) -> Operation:
    """An update whose cluster is gone, failed; the platform's team has it built anew, and that fails for another reason."""
    vanished = change(world, runtime)
    Operation.objects.filter(pk=vanished.pk).update(
        state=State.FAILED,
        slot=None,
        error_code=CLUSTER_MISSING,
        started_at=vanished.created_at,
        finished_at=vanished.created_at,
        fence=1,
    )
    Runtime.objects.filter(pk=runtime.pk).update(phase=Phase.FAILED)
    rebuild = services.retry_operation(actor=world.sam.actor, operation_id=vanished.pk)
    assert rebuild.input[REBUILD] is True
    return rebuild


def fail(rebuild: Operation) -> None:
    with work.flows(update=work.flow(work.step("order", fails))):
        held = ledger.claim()
        assert held is not None
        assert held.id == rebuild.pk
        work.worker().run(held)
    assert again(rebuild).state == State.FAILED


def test_a_change_behind_a_rebuild_that_fails_may_build_in_its_place(world: World, runtime: Runtime) -> None:
    rebuild = lost(world, runtime)
    behind = change(world, runtime, maximum=8)
    assert (behind.slot, behind.input) == (Slot.NEXT, {})
    fail(rebuild)
    assert (again(behind).slot, behind.input) == (Slot.ACTIVE, {REBUILD: True})
    work.work()
    assert stands(runtime) == ("ready", True)


def test_a_change_behind_a_rebuild_that_succeeds_may_not_build_again(world: World, runtime: Runtime) -> None:
    lost(world, runtime)
    behind = change(world, runtime, maximum=8)
    work.work()
    assert (again(behind).state, behind.input) == (State.SUCCEEDED, {})


def test_the_consent_outlives_a_change_that_was_taken_back(world: World, runtime: Runtime) -> None:
    rebuild = lost(world, runtime)
    taken_back = change(world, runtime, maximum=8)
    services.cancel_operation(actor=world.alice.actor, operation_id=taken_back.pk)
    fail(rebuild)
    assert change(world, runtime, maximum=7).input == {REBUILD: True}


def test_the_consent_waits_with_a_change_of_a_suspended_tenant(world: World, runtime: Runtime) -> None:
    rebuild = lost(world, runtime)
    behind = change(world, runtime, maximum=8)
    tenant = Tenant.objects.filter(pk=runtime.tenant_id)
    tenant.update(state="suspended")
    fail(rebuild)
    assert (again(behind).slot, behind.input) == (Slot.NEXT, {REBUILD: True})
    tenant.update(state="active")
    sweeping.sweep()
    work.work()
    assert stands(runtime) == ("ready", True)


def test_no_change_takes_the_place_of_a_suspension_that_waits(world: World, runtime: Runtime) -> None:
    change(world, runtime)
    waiting = suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    assert work.wish(runtime, Kind.UPDATE) == waiting
    assert (again(waiting).state, waiting.slot) == (State.QUEUED, Slot.NEXT)
    work.work()
    assert stands(runtime)[0] == "suspended"
