"""People pause, resume, retry, cancel and skip; whatever is not legal is refused with a code and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from controlplane.kernel.errors import Fatal, Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.operations import ledger, services, sweeping
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Done, Outcome, StepContext, Wait
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db

broken = [True]


def waits(_: StepContext) -> Outcome:
    return Wait("The landscape works.", timedelta(minutes=5))


def breaks(_: StepContext) -> Outcome:
    if broken[0]:
        raise Fatal("No.", code="NO")
    return Done()


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    broken[0] = True
    with work.flows(
        provision=work.flow(work.step("first"), work.step("second", waits), work.step("third")),
        update=work.flow(work.step("first"), work.step("second", breaks)),
        deprovision=work.flow(work.step("first"), work.step("second", waits)),
    ):
        yield


@pytest.fixture
def runtime(world: World) -> Runtime:
    return work.runtime(world.shop, world.landscape, observed_generation=1, phase="ready")


def operation_in(state: str, runtime: Runtime) -> Operation:
    kind = {"failed": Kind.UPDATE}.get(state, Kind.PROVISION)
    operation = work.start(runtime, kind)
    if state == "leased":
        assert ledger.claim() is not None
    elif state != "queued":
        work.work()
    if state == "paused":
        services.pause_operation(actor=SYSTEM, operation_id=operation.pk)
    elif state == "cancelled":
        services.cancel_operation(actor=SYSTEM, operation_id=operation.pk)
    elif state == "succeeded":
        services.skip_step(actor=SYSTEM, operation_id=operation.pk, reason="x")
        work.work()
    return again(operation)


ACTIONS: dict[str, Any] = {
    "pause": services.pause_operation,
    "resume": services.resume_operation,
    "retry": services.retry_operation,
    "cancel": services.cancel_operation,
    "skip": services.skip_step,
}
CLOSED = dict.fromkeys(("succeeded", "failed", "cancelled"), "operation_closed")
REFUSALS: dict[str, dict[str, str]] = {
    "pause": {"paused": "operation_paused", **CLOSED},
    "resume": {**dict.fromkeys(("queued", "leased", "waiting"), "operation_not_paused"), **CLOSED},
    "retry": dict.fromkeys(("queued", "leased", "waiting", "paused", "succeeded", "cancelled"), "operation_not_failed"),
    "cancel": CLOSED,
    "skip": {"succeeded": "operation_not_active", "cancelled": "operation_not_active", "leased": "operation_busy"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("action", "state", "code"), [(a, s, c) for a, found in REFUSALS.items() for s, c in found.items()]
)
def test_an_illegal_move_is_refused_and_changes_nothing(
    action: str, state: str, code: str, runtime: Runtime, world: World
) -> None:
    operation = operation_in(state, runtime)
    before = Operation.objects.filter(pk=operation.pk).values().get()
    events = AuditEvent.objects.count()
    actor = world.sam.actor if action == "skip" else world.alice.actor
    events = AuditEvent.objects.count()
    with pytest.raises(Refused) as refused:
        ACTIONS[action](actor=actor, operation_id=operation.pk, reason="because")
    assert (refused.value.code, refused.value.status) == (code, 409)
    assert Operation.objects.filter(pk=operation.pk).values().get() == before
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("action", list(ACTIONS))
def test_another_tenants_operation_does_not_exist(action: str, runtime: Runtime, world: World) -> None:
    operation = operation_in("waiting", runtime)
    for wrong in (operation.pk, uuid7()):
        with pytest.raises(Refused) as refused:
            ACTIONS[action](actor=world.bob.actor, operation_id=wrong, reason="because")
        assert (refused.value.code, refused.value.status) == ("operation_not_found", 404)


@pytest.mark.parametrize("action", list(ACTIONS))
def test_a_viewer_cannot_control_operations(action: str, runtime: Runtime, world: World) -> None:
    operation = operation_in("waiting", runtime)
    with pytest.raises(Refused) as refused:
        ACTIONS[action](actor=world.vera.actor, operation_id=operation.pk, reason="because")
    assert (refused.value.code, refused.value.status) == ("forbidden", 403)


def test_a_tenants_admin_cannot_skip_a_step(runtime: Runtime, world: World) -> None:
    with pytest.raises(Refused) as refused:
        services.skip_step(
            actor=world.alice.actor, operation_id=operation_in("waiting", runtime).pk, reason="x"
        )
    assert refused.value.code == "forbidden"


@pytest.mark.parametrize("state", ["queued", "waiting"])
def test_a_paused_operation_rests_until_it_is_resumed(state: str, runtime: Runtime, world: World) -> None:
    operation = operation_in(state, runtime)
    services.pause_operation(actor=world.alice.actor, operation_id=operation.pk, reason="lunch")
    assert (again(operation).state, operation.reason) == ("paused", "Paused by token:alice: lunch")
    sweeping.sweep()
    work.work()
    assert again(operation).state == "paused"
    services.resume_operation(actor=world.alice.actor, operation_id=operation.pk)
    assert again(operation).state == ("queued" if state == "queued" else "running")
    assert (
        AuditEvent.objects.filter(
            target_id=str(operation.pk), action__in=["operation.pause", "operation.resume"]
        ).count()
        == 2
    )


def test_a_pause_during_a_step_begins_when_the_step_ends(runtime: Runtime, world: World) -> None:
    operation = work.start(runtime)
    held = ledger.claim()
    assert held is not None
    services.pause_operation(actor=world.alice.actor, operation_id=operation.pk)
    assert again(operation).state == "running"
    work.worker().run(held)
    assert (again(operation).state, operation.step, operation.lease_until) == ("paused", "second", None)
    services.resume_operation(actor=world.alice.actor, operation_id=operation.pk)
    work.work()
    assert again(operation).state == "waiting"


def test_a_pause_stops_the_clock_of_the_deadline(runtime: Runtime, world: World) -> None:
    operation = operation_in("waiting", runtime)
    services.pause_operation(actor=world.alice.actor, operation_id=operation.pk)
    hour = timedelta(hours=1)
    Operation.objects.filter(pk=operation.pk).update(pause_requested_at=F("pause_requested_at") - hour)
    before, step_before = again(operation).deadline, operation.step_deadline
    services.resume_operation(actor=world.alice.actor, operation_id=operation.pk)
    again(operation)
    assert operation.deadline - before >= hour
    assert operation.step_deadline
    assert step_before
    assert operation.step_deadline - step_before >= hour


def test_a_failed_operation_is_retried_from_its_step(runtime: Runtime, world: World) -> None:
    operation = operation_in("failed", runtime)
    assert (operation.state, operation.error_code) == ("failed", "NO")
    broken[0] = False
    services.retry_operation(actor=world.alice.actor, operation_id=operation.pk)
    assert (again(operation).state, operation.step, operation.error_code) == ("running", "second", "")
    work.work()
    assert again(operation).state == "succeeded"
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.message) == ("ready", "")


def test_only_the_newest_operation_of_a_runtime_is_retried(runtime: Runtime, world: World) -> None:
    old = operation_in("failed", runtime)
    work.wish(runtime)
    with pytest.raises(Refused) as refused:
        services.retry_operation(actor=world.alice.actor, operation_id=old.pk)
    assert refused.value.code == "operation_superseded"


def test_a_cancelled_operation_says_cancelled_and_the_runtime_why(runtime: Runtime, world: World) -> None:
    operation = operation_in("waiting", runtime)
    services.cancel_operation(actor=world.alice.actor, operation_id=operation.pk, reason="wrong region")
    assert (again(operation).state, operation.cancel_reason) == (
        "cancelled",
        "cancelled by token:alice: wrong region",
    )
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.message) == ("failed", "cancelled by token:alice: wrong region")


def test_an_update_cancelled_before_it_began_leaves_the_runtime_ready(runtime: Runtime, world: World) -> None:
    operation = work.start(runtime, Kind.UPDATE)
    services.cancel_operation(actor=world.alice.actor, operation_id=operation.pk)
    runtime.refresh_from_db()
    assert (again(operation).state, runtime.phase) == ("cancelled", "ready")


def test_a_cancel_during_a_step_holds_when_the_step_ends(runtime: Runtime, world: World) -> None:
    operation = work.start(runtime)
    held = ledger.claim()
    assert held is not None
    services.cancel_operation(actor=world.alice.actor, operation_id=operation.pk)
    assert again(operation).state == "running"
    work.worker().run(held)
    assert again(operation).state == "cancelled"
    assert operation.steps_done == []


def test_a_delete_that_has_begun_cannot_be_cancelled(runtime: Runtime, world: World) -> None:
    operation = work.start(runtime, Kind.DEPROVISION)
    work.work()
    with pytest.raises(Refused) as refused:
        services.cancel_operation(actor=world.alice.actor, operation_id=operation.pk)
    assert refused.value.code == "operation_not_cancellable"


@pytest.mark.parametrize("state", ["queued", "waiting", "paused", "failed"])
def test_a_skipped_step_is_remembered_with_its_reason(state: str, runtime: Runtime, world: World) -> None:
    operation = operation_in(state, runtime)
    step = operation.step
    services.skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="done by hand")
    again(operation)
    assert operation.steps_done[-1]["step"] == step
    assert operation.steps_done[-1]["skipped"] == "done by hand"
    kept = OperationAttempt.objects.filter(operation=operation).latest("id")
    assert (kept.step, kept.outcome, kept.message) == (step, "skipped", "done by hand")
    assert (operation.state == "paused") == (state == "paused")


def test_skipping_the_last_step_ends_the_operation_well(runtime: Runtime, world: World) -> None:
    operation = operation_in("failed", runtime)
    services.skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="it is fine")
    runtime.refresh_from_db()
    assert (again(operation).state, runtime.phase) == ("succeeded", "ready")


def test_a_skip_needs_a_reason(runtime: Runtime, world: World) -> None:
    with pytest.raises(Refused) as refused:
        services.skip_step(
            actor=world.sam.actor, operation_id=operation_in("waiting", runtime).pk, reason=" "
        )
    assert refused.value.code == "reason_missing"


def test_a_wake_up_call_ends_a_wait_for_the_landscape(runtime: Runtime) -> None:
    operation = operation_in("waiting", runtime)
    assert services.wake(runtime_ids=[runtime.pk]) == 1
    assert again(operation).state == "running"


def test_a_wake_up_call_that_comes_while_the_step_looks_is_not_lost(runtime: Runtime) -> None:
    looked: list[int] = []

    def look(_: StepContext) -> Outcome:
        looked.append(1)
        if len(looked) == 1:
            services.wake(runtime_ids=[runtime.pk])
            return Wait("not yet", timedelta(hours=1))
        return Done()

    with work.flows(provision=work.flow(work.step("only", look))):
        operation = work.start(runtime)
        work.work()
    assert again(operation).state == "succeeded"
    assert len(looked) == 2


def test_a_wake_up_call_does_not_end_a_backoff(runtime: Runtime) -> None:
    operation = operation_in("waiting", runtime)
    Operation.objects.filter(pk=operation.pk).update(error_class="retry")
    assert services.wake(runtime_ids=[runtime.pk]) == 0
    assert again(operation).state == "waiting"
