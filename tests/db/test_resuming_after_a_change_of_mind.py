"""A resume that waits behind a suspension survives a change, and one that was cancelled can be asked for again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.lifecycle.resume import resumable, resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations import services
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot, State
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase
from provisioner.steps.base import REBUILD
from tests import work
from tests.signed_in import build
from tests.work import again, refused
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.Ground().flows():
        yield


@pytest.fixture
def runtime(world: World) -> Runtime:
    """One whose plan removes the cluster when it is suspended, ready."""
    runtime = build(world)
    runtime.cluster_spec = {**runtime.cluster_spec, "destroyed": True}
    runtime.save(update_fields=["cluster_spec"])
    return runtime


def suspend(world: World, runtime: Runtime) -> Operation:
    return suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


def resume(world: World, runtime: Runtime) -> Operation:
    return resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


def change(world: World, runtime: Runtime, maximum: int = 9) -> Operation:
    _, operation = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": maximum}
    )
    assert operation is not None
    return operation


def cancel(world: World, operation: Operation) -> None:
    services.cancel_operation(actor=world.alice.actor, operation_id=operation.pk)


def stands(runtime: Runtime) -> tuple[str, bool]:
    runtime.refresh_from_db()
    return runtime.phase, runtime.observed_generation == runtime.generation


def test_a_change_folds_into_the_resume_that_waits(world: World, runtime: Runtime) -> None:
    suspend(world, runtime)
    waiting = resume(world, runtime)
    assert (waiting.slot, waiting.input[REBUILD]) == (Slot.NEXT, True)
    changed = change(world, runtime)
    runtime.refresh_from_db()
    assert (changed.pk, changed.kind, changed.generation) == (waiting.pk, Kind.RESUME, runtime.generation)
    assert changed.input == waiting.input
    work.work()
    assert stands(runtime) == ("ready", True)


def test_a_change_after_the_waiting_resume_was_cancelled_may_build(world: World, runtime: Runtime) -> None:
    suspend(world, runtime)
    cancel(world, resume(world, runtime))
    assert change(world, runtime).input == {REBUILD: True}
    assert change(world, runtime, maximum=8).input == {REBUILD: True}
    work.work()
    assert stands(runtime) == ("ready", True)


def test_to_and_fro_the_consent_to_build_is_handed_on(world: World, runtime: Runtime) -> None:
    suspend(world, runtime)
    dropped = resume(world, runtime)
    asleep = suspend(world, runtime)
    assert again(dropped).state == State.CANCELLED
    work.work()
    assert again(asleep).state == State.SUCCEEDED
    Runtime.objects.filter(pk=runtime.pk).update(
        cluster_spec={**runtime.cluster_spec, "destroyed": False, "hibernated": True}
    )
    assert resume(world, runtime).input[REBUILD] is True
    work.work()
    assert stands(runtime) == ("ready", True)


def test_what_was_built_is_not_built_again_unasked(world: World, runtime: Runtime) -> None:
    suspend(world, runtime)
    resume(world, runtime)
    work.work()
    assert change(world, runtime).input == {}


@pytest.mark.parametrize("asleep", [True, False])
def test_a_resume_that_was_cancelled_can_be_asked_for_again(
    world: World, runtime: Runtime, *, asleep: bool
) -> None:
    suspend(world, runtime)
    cancel(world, resume(world, runtime))
    if asleep:
        work.work()
        assert stands(runtime)[0] == "suspended"
    else:
        Runtime.objects.filter(pk=runtime.pk).update(phase=Phase.SUSPENDING)
    runtime.refresh_from_db()
    assert resumable(runtime)
    anew = resume(world, runtime)
    assert (anew.kind, anew.slot) == (Kind.RESUME, Slot.ACTIVE if asleep else Slot.NEXT)
    runtime.refresh_from_db()
    assert not resumable(runtime)
    assert resume(world, runtime) == anew
    work.work()
    assert stands(runtime) == ("ready", True)


def test_after_a_suspension_that_failed_too(world: World, runtime: Runtime) -> None:
    failed = suspend(world, runtime)
    cancel(world, resume(world, runtime))
    Operation.objects.filter(pk=failed.pk).update(
        state=State.FAILED, slot=None, started_at=failed.created_at, finished_at=failed.created_at, fence=1
    )
    Runtime.objects.filter(pk=runtime.pk).update(phase=Phase.FAILED)
    runtime.refresh_from_db()
    assert resumable(runtime)
    assert resume(world, runtime).kind == Kind.RESUME
    work.work()
    assert stands(runtime) == ("ready", True)


def test_only_what_rests_is_offered_to_be_resumed(world: World, runtime: Runtime) -> None:
    assert not resumable(runtime)
    suspend(world, runtime)
    runtime.refresh_from_db()
    assert resumable(runtime)
    Runtime.objects.filter(pk=runtime.pk).update(suspended_for=["payment"])
    runtime.refresh_from_db()
    assert not resumable(runtime)
    with refused("runtime_held"):
        resume(world, runtime)
