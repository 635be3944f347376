"""A runtime is suspended for reasons that each hold it, and resumed when the last one is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations import services
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot, State
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase
from tests import work
from tests.signed_in import build
from tests.work import again, refused, start
from tests.world import World, order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.flows(suspend=work.flow(), resume=work.flow()):
        yield


@pytest.fixture
def runtime(world: World) -> Runtime:
    return build(world)


def suspend(world: World, runtime: Runtime) -> Operation:
    return suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


def resume(world: World, runtime: Runtime) -> Operation:
    return resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


def hold(runtime: Runtime, reason: str) -> Operation:
    return suspend_runtime(actor=SYSTEM, runtime_id=runtime.pk, reason=reason)


def release(runtime: Runtime, reason: str) -> Operation:
    return resume_runtime(actor=SYSTEM, runtime_id=runtime.pk, reason=reason)


def stands(runtime: Runtime) -> tuple[str, list[str], bool]:
    runtime.refresh_from_db()
    return runtime.phase, runtime.suspended_for, runtime.cluster_spec["hibernated"]


def fail(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(
        state=State.FAILED, slot=None, finished_at=operation.created_at, fence=1
    )
    Runtime.objects.filter(pk=operation.runtime_id).update(phase=Phase.FAILED)


def test_a_suspended_runtime_sleeps_until_it_is_resumed(world: World, runtime: Runtime) -> None:
    suspend(world, runtime)
    work.work()
    assert stands(runtime) == ("suspended", ["wish"], True)
    resume(world, runtime)
    work.work()
    assert stands(runtime) == ("ready", [], False)
    assert runtime.observed_generation == runtime.generation == 3
    audited = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert audited[-2:] == ["runtime.suspend", "runtime.resume"]


def test_asked_twice_it_is_one_operation(world: World, runtime: Runtime) -> None:
    assert suspend(world, runtime) == suspend(world, runtime)
    work.work()
    assert suspend(world, runtime).kind == Kind.SUSPEND
    assert resume(world, runtime) == resume(world, runtime)
    work.work()
    resume(world, runtime)
    assert Operation.objects.filter(runtime=runtime).exclude(kind=Kind.PROVISION).count() == 2


def test_a_runtime_that_rests_by_its_owners_wish_is_not_awakened_when_the_trial_goes_on(
    world: World, runtime: Runtime
) -> None:
    suspend(world, runtime)
    hold(runtime, "trial")
    work.work()
    assert release(runtime, "trial").kind == Kind.SUSPEND
    work.work()
    assert stands(runtime) == ("suspended", ["wish"], True)
    assert resume(world, runtime).kind == Kind.RESUME


def test_what_holds_it_else_can_not_be_wished_away(world: World, runtime: Runtime) -> None:
    hold(runtime, "payment")
    with refused("runtime_held"):
        resume(world, runtime)
    with refused("forbidden"):
        resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk, reason="payment")
    with refused("operation_not_cancellable"):
        services.cancel_operation(
            actor=world.alice.actor, operation_id=Operation.objects.get(kind=Kind.SUSPEND).pk
        )
    assert stands(runtime)[1] == ["payment"]


def test_a_viewer_may_neither_suspend_nor_resume(world: World, runtime: Runtime) -> None:
    for door in (suspend_runtime, resume_runtime):
        with refused("forbidden"):
            door(actor=world.vera.actor, runtime_id=runtime.pk)


def test_an_update_of_a_suspended_runtime_comes_true_when_it_is_resumed(
    world: World, runtime: Runtime
) -> None:
    suspend(world, runtime)
    work.work()
    changed, operation = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": 9}
    )
    assert operation is None
    assert changed.cluster_spec["pools"][0]["maximum"] == 9
    assert stands(runtime) == ("suspended", ["wish"], True)
    resume(world, runtime)
    work.work()
    assert stands(runtime) == ("ready", [], False)
    assert runtime.observed_generation == runtime.generation


def test_what_a_person_paused_is_given_up_for_a_suspension(world: World, runtime: Runtime) -> None:
    update = start(runtime, Kind.UPDATE)
    services.pause_operation(actor=world.alice.actor, operation_id=update.pk)
    operation = hold(runtime, "tenant")
    assert (again(update).state, operation.slot) == (State.CANCELLED, Slot.ACTIVE)


def test_a_suspension_waits_for_what_is_under_way(world: World, runtime: Runtime) -> None:
    update = start(runtime, Kind.UPDATE)
    assert suspend(world, runtime).slot == Slot.NEXT
    work.work()
    assert again(update).state == State.SUCCEEDED
    assert stands(runtime)[0] == "suspended"


@pytest.mark.parametrize("anew", [True, False])
def test_both_can_be_retried_after_failing(world: World, runtime: Runtime, *, anew: bool) -> None:
    for door, end in ((suspend, "suspended"), (resume, "ready")):
        failed = door(world, runtime)
        fail(failed)
        if anew:
            assert door(world, runtime) != failed
        else:
            services.retry_operation(actor=world.alice.actor, operation_id=failed.pk)
        work.work()
        assert stands(runtime)[0] == end


def test_a_failed_suspension_does_not_stand_in_the_way_of_resuming(world: World, runtime: Runtime) -> None:
    fail(suspend(world, runtime))
    resume(world, runtime)
    work.work()
    assert stands(runtime) == ("ready", [], False)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.DEPROVISIONED])
def test_deleting_works_from_every_phase(world: World, runtime: Runtime, phase: Phase) -> None:
    hold(runtime, "trial")
    Runtime.objects.filter(pk=runtime.pk).update(phase=phase)
    delete_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    work.work()
    assert stands(runtime)[0] == "deprovisioned"


def test_what_never_was_ready_is_removed_instead(world: World) -> None:
    assert world.landscape.accepting
    runtime = order(world).runtime
    suspend(world, runtime)
    runtime.refresh_from_db()
    assert (runtime.cluster_spec["hibernated"], runtime.cluster_spec["destroyed"]) == (False, True)


def test_a_runtime_that_is_being_deleted_is_left_alone(world: World, runtime: Runtime) -> None:
    delete_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    with refused("runtime_deprovisioning"):
        suspend(world, runtime)
