"""People can use a runtime before its operation has ended: what is left goes on in the background."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F

from controlplane.kernel.errors import Fatal
from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import SYSTEM
from provisioner.operations import ledger, queries, services
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Outcome, StepContext, Wait
from tests import work
from tests.work import again
from tests.world import World

BUILD = work.flow(work.step("build"), work.step("furnish"), work.step("tidy"), settles="build")


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.flows(provision=BUILD):
        yield


@pytest.fixture
def runtime(world: World) -> Runtime:
    return work.runtime(world.shop, world.landscape)


def stands(runtime: Runtime) -> Runtime:
    runtime.refresh_from_db()
    return runtime


def run_one_claim() -> None:
    """One claim and what comes of it: the step that settles gives the operation back."""
    held = ledger.claim()
    assert held is not None
    work.worker().run(held)


def test_the_runtime_is_ready_behind_the_step_that_settles_and_the_rest_goes_on(runtime: Runtime) -> None:
    operation = work.start(runtime)
    run_one_claim()
    assert (again(operation).state, again(operation).step, again(operation).background) == (
        "running",
        "furnish",
        True,
    )
    assert (stands(runtime).phase, stands(runtime).observed_generation) == ("ready", 1)
    run_one_claim()
    assert again(operation).state == "succeeded"
    assert stands(runtime).phase == "ready"
    steps = OperationAttempt.objects.filter(operation=operation).order_by("id").values_list("step", "outcome")
    assert list(steps) == [("build", "done"), ("furnish", "done"), ("tidy", "done")]
    assert [one["step"] for one in again(operation).steps_done] == ["build", "furnish", "tidy"]


def test_it_stays_ready_while_a_worker_is_at_what_is_left(runtime: Runtime) -> None:
    work.start(runtime)
    run_one_claim()
    held = ledger.claim()
    assert held is not None
    assert held.background
    assert stands(runtime).phase == "ready"


def test_what_people_wait_for_comes_first(world: World, runtime: Runtime) -> None:
    early = work.start(runtime)
    run_one_claim()
    late = work.start(work.runtime(world.shop, world.landscape, name="late"))
    first, second = ledger.claim(), ledger.claim()
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == (late.pk, early.pk)


def test_what_was_kept_waiting_gets_one_claim_in_eight(world: World, runtime: Runtime) -> None:
    early = work.start(runtime)
    run_one_claim()
    Operation.objects.filter(pk=early.pk).update(
        due_at=F("due_at") - ledger.KEPT_WAITING - timedelta(seconds=1)
    )
    for number in range(ledger.BEHIND_FIRST):
        work.start(work.runtime(world.shop, world.landscape, name=f"late-{number}"))
    claims = [ledger.claim() for _ in range(ledger.BEHIND_FIRST)]
    assert [held.background for held in claims if held].count(True) == 1


def test_in_a_rush_the_background_rests_until_it_was_kept_waiting(world: World, runtime: Runtime) -> None:
    early = work.start(runtime)
    run_one_claim()
    for number in range(ledger.RUSH_WISHES):
        work.start(work.runtime(world.shop, world.landscape, name=f"late-{number}"))
    assert not any(held.background for _ in range(ledger.RUSH_WISHES) if (held := ledger.claim()))
    assert ledger.claim() is None
    Operation.objects.filter(pk=early.pk).update(due_at=F("due_at") - ledger.KEPT_WAITING)
    held = ledger.claim()
    assert held is not None
    assert held.id == early.pk


def test_wishes_that_came_a_while_ago_are_no_rush(world: World, runtime: Runtime) -> None:
    three_seconds = 3_000 << 80  # of an id's bits
    with patch("provisioner.operations.opening.uuid7", lambda: UUID(int=uuid7().int - three_seconds)):
        for number in range(ledger.RUSH_WISHES):
            work.start(work.runtime(world.shop, world.landscape, name=f"earlier-{number}"))
    work.start(runtime)
    for _ in range(ledger.RUSH_WISHES + 1):
        run_one_claim()
    held = ledger.claim()
    assert held is not None
    assert held.background


def test_a_tenant_s_place_in_the_queue_is_not_behind_its_own_background(
    world: World, runtime: Runtime
) -> None:
    early = work.start(runtime)
    run_one_claim()
    Operation.objects.filter(pk=early.pk).update(share=1_000_000)
    late = work.start(work.runtime(world.shop, world.landscape, name="late"))
    assert late.share < 1_000_000


def test_a_wish_that_waits_behind_keeps_the_operation_in_front(runtime: Runtime) -> None:
    """Its steps are those that count, so nothing is put off."""
    first = work.start(runtime)
    second = work.wish(runtime)
    work.work()
    assert [again(first).state, again(second).state] == ["succeeded", "succeeded"]
    assert not again(first).background
    assert stands(runtime).phase == "ready"


def test_a_wish_that_comes_later_brings_what_is_left_to_the_front(runtime: Runtime) -> None:
    first = work.start(runtime)
    run_one_claim()
    second = work.wish(runtime)
    assert again(second).slot == "next"
    assert not again(first).background
    held = ledger.claim()
    assert held is not None
    assert stands(runtime).phase == "updating"
    work.worker().run(held)
    work.work()
    assert [again(first).state, again(second).state] == ["succeeded", "succeeded"]


def test_a_wish_that_was_written_while_it_waited_for_the_runtime_keeps_it_in_front(runtime: Runtime) -> None:
    """Its statement does not see the wish yet, but the runtime's new generation, once it has its lock."""
    operation = work.start(runtime)
    held = ledger.claim()
    assert held is not None
    Runtime.objects.filter(pk=runtime.pk).update(generation=F("generation") + 1)
    work.worker().run(held)
    assert not again(operation).background
    assert again(operation).state == "succeeded"


def test_what_is_left_has_the_flows_time_anew_and_says_why_it_waits(runtime: Runtime) -> None:
    operation = work.start(runtime)
    Operation.objects.filter(pk=operation.pk).update(deadline=F("deadline") - timedelta(minutes=59))
    early = again(operation).deadline
    run_one_claim()
    assert again(operation).deadline > early + timedelta(minutes=50)
    assert operation.reason == ledger.BEHIND


def test_cancelled_in_the_background_it_says_that_something_is_missing(runtime: Runtime) -> None:
    operation = work.start(runtime)
    run_one_claim()
    services.cancel_operation(actor=SYSTEM, operation_id=operation.pk, reason="changed my mind")
    assert again(operation).state == "cancelled"
    assert (stands(runtime).phase, runtime.message) == ("failed", "cancelled by system: changed my mind")


def test_cancelled_while_a_worker_is_at_it_it_says_so_too(runtime: Runtime) -> None:
    operation = work.start(runtime)
    run_one_claim()
    held = ledger.claim()
    assert held is not None
    services.cancel_operation(actor=SYSTEM, operation_id=operation.pk, reason="changed my mind")
    work.worker().run(held)
    assert again(operation).state == "cancelled"
    assert (stands(runtime).phase, runtime.message) == ("failed", "cancelled by system: changed my mind")


def test_failed_in_the_background_it_says_so_and_a_retry_is_in_front_again(runtime: Runtime) -> None:
    broken = [True]

    def furnish(_: StepContext) -> Outcome:
        if broken:
            raise Fatal("The chairs are missing.", code="no_chairs")
        return work.done(_)

    with work.flows(provision=work.flow(work.step("build"), work.step("furnish", furnish), settles="build")):
        operation = work.start(runtime)
        work.work()
        assert (again(operation).state, again(operation).error_code) == ("failed", "no_chairs")
        assert stands(runtime).phase == "failed"
        assert "The chairs are missing." in stands(runtime).message
        broken.clear()
        services.retry_operation(actor=SYSTEM, operation_id=operation.pk)
        assert not again(operation).background
        held = ledger.claim()
        assert held is not None
        assert stands(runtime).phase == "updating"  # people keep their access
        work.worker().run(held)
        work.work()
    assert again(operation).state == "succeeded"
    assert stands(runtime).phase == "ready"


def test_a_pause_that_was_asked_for_begins_behind_the_step_that_settles(runtime: Runtime) -> None:
    operation = work.start(runtime)
    held = ledger.claim()
    assert held is not None
    services.pause_operation(actor=SYSTEM, operation_id=operation.pk)
    work.worker().run(held)
    assert again(operation).state == "paused"
    assert stands(runtime).phase == "ready"


def test_the_claim_of_what_is_left_rides_on_its_index(runtime: Runtime) -> None:
    work.start(runtime)
    run_one_claim()
    sql = queries.CLAIM_BEHIND
    for name, value in {
        "during": "'{}'",
        "lease": "'1 minute'",
        "late": "'0'",
        "rush": "8",
        "kept_waiting": "'0'",
    }.items():
        sql = sql.replace(f"%({name})s", value)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using operation_claim_behind " in plan, plan


FIRST_WAITS = work.flow(work.step("order"), work.step("await", first_wait=Wait("It is being built")))


def test_a_first_wait_is_no_attempt_and_its_reason_is_not_the_step_s_before(runtime: Runtime) -> None:
    with work.flows(provision=FIRST_WAITS):
        operation = work.start(runtime)
        work.work()
        assert (again(operation).state, operation.step, operation.attempts) == ("waiting", "await", 0)
        assert operation.reason == "It is being built"
        attempts = OperationAttempt.objects.filter(operation=operation).values_list(
            "step", "outcome", "message"
        )
        assert list(attempts) == [("order", "done", "")]


def test_a_wake_that_came_while_the_step_before_ran_ends_the_first_wait(runtime: Runtime) -> None:
    with work.flows(provision=FIRST_WAITS):
        operation = work.start(runtime)
        held = ledger.claim()
        assert held is not None
        services.wake(runtime_ids=[runtime.pk])
        work.worker().run(held)
        assert (again(operation).state, operation.step) == ("running", "await")
        work.work()
        assert again(operation).state == "succeeded"


def test_a_pause_asked_for_meanwhile_rests_before_the_first_wait(runtime: Runtime) -> None:
    with work.flows(provision=FIRST_WAITS):
        operation = work.start(runtime)
        held = ledger.claim()
        assert held is not None
        services.pause_operation(actor=SYSTEM, operation_id=operation.pk)
        work.worker().run(held)
        assert (again(operation).state, operation.step, operation.reason) == ("paused", "await", "")


def test_a_delete_in_the_background_takes_over(runtime: Runtime) -> None:
    operation = work.start(runtime)
    run_one_claim()
    gone = work.start(runtime, Kind.DEPROVISION)
    assert again(operation).state == "cancelled"
    assert again(gone).slot == "active"
    work.work()
    assert stands(runtime).phase == "deprovisioned"
