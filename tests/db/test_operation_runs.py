"""An operation goes through its flow, and the row tells the whole story."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.operations import ledger, sweeping
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, StepContext, Wait
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World) -> Runtime:
    return work.runtime(world.shop, world.landscape)


def outcomes(operation: Operation) -> list[tuple[str, str]]:
    kept = OperationAttempt.objects.filter(operation=operation).order_by("id")
    return list(kept.values_list("step", "outcome"))


def raising(fault: Exception) -> work.Act:
    def act(_: StepContext) -> Outcome:
        raise fault

    return act


def test_a_provision_ends_in_a_ready_runtime(runtime: Runtime) -> None:
    with work.flows():
        operation = work.start(runtime)
        work.work()
    assert (again(operation).state, operation.slot, operation.progress) == ("succeeded", None, 100)
    assert [entry["step"] for entry in operation.steps_done] == ["first", "second", "third"]
    assert outcomes(operation) == [("first", "done"), ("second", "done"), ("third", "done")]
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.observed_generation) == ("ready", 1)


def test_a_deprovision_dates_the_runtimes_end(runtime: Runtime) -> None:
    with work.flows():
        work.start(runtime, Kind.DEPROVISION)
        work.work()
    runtime.refresh_from_db()
    assert runtime.phase == "deprovisioned"
    assert runtime.deleted_at is not None


def test_the_first_claim_moves_the_runtime_into_its_phase(runtime: Runtime) -> None:
    with work.flows():
        work.start(runtime)
        assert ledger.claim() is not None
    runtime.refresh_from_db()
    assert runtime.phase == "provisioning"


def test_a_wait_states_its_reason_and_costs_no_worker(runtime: Runtime) -> None:
    seen: list[int] = []

    def act(context: StepContext) -> Outcome:
        seen.append(context.attempt)
        return (
            Done()
            if len(seen) > 1
            else Wait("The landscape builds the network.", timedelta(minutes=5), progress=50)
        )

    with work.flows(provision=work.flow(work.step("first", act), work.step("second"))):
        operation = work.start(runtime)
        work.work()
        assert (again(operation).state, operation.reason) == ("waiting", "The landscape builds the network.")
        assert (operation.attempts, operation.lease_until, operation.progress) == (0, None, 25)
        assert operation.due_at - operation.created_at >= timedelta(minutes=5)
        sweeping.sweep()
        assert again(operation).state == "waiting"
        work.wait_ends(operation)
        assert sweeping.sweep().ended_waits == 1
        work.work()
    assert again(operation).state == "succeeded"
    assert seen == [1, 1]  # a wait is no attempt
    assert outcomes(operation) == [("first", "wait"), ("first", "done"), ("second", "done")]


def test_a_passing_fault_is_tried_again_and_given_up_at_last(runtime: Runtime) -> None:
    act = raising(Retry("The landscape hiccuped.", code="HICCUP"))
    with work.flows(provision=work.flow(work.step("first", act, max_attempts=3))):
        operation = work.start(runtime)
        for attempt in (1, 2):
            work.work()
            assert (again(operation).state, operation.attempts) == ("waiting", attempt)
            assert operation.reason == "Trying again: The landscape hiccuped."
            work.wait_ends(operation)
            sweeping.sweep()
        work.work()
    assert (again(operation).state, operation.error_class, operation.error_code) == (
        "failed",
        "retry",
        "HICCUP",
    )
    runtime.refresh_from_db()
    assert runtime.phase == "failed"
    assert "Gave up after 3 attempts" in runtime.message


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        (Audience.TENANT, "Ask for less."),
        (Audience.SRE, "Ask for less. The platform's team has to act; you need not."),
    ],
)
def test_a_lasting_fault_tells_who_can_act(runtime: Runtime, audience: Audience, words: str) -> None:
    act = raising(Fatal("Ask for less.", code="QUOTA", audience=audience))
    with work.flows(provision=work.flow(work.step("first", act))):
        operation = work.start(runtime)
        work.work()
    assert (again(operation).state, operation.error_class, operation.error_audience) == (
        "failed",
        "fatal",
        audience,
    )
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.message) == ("failed", words)


def test_the_words_of_an_unforeseen_exception_stay_in_the_log(runtime: Runtime) -> None:
    act = raising(ValueError("token=hunter2"))
    with work.flows(provision=work.flow(work.step("first", act, max_attempts=1))):
        operation = work.start(runtime)
        work.work()
    assert (
        again(operation).error_message == "Gave up after 1 attempts: An unforeseen ValueError in “Do first”."
    )
    assert "hunter2" not in str(list(OperationAttempt.objects.values()))


def test_a_step_that_kills_its_worker_every_time_fails_the_operation(runtime: Runtime) -> None:
    with work.flows(provision=work.flow(work.step("first", max_attempts=3))):
        operation = work.start(runtime)
        for _ in range(3):
            assert ledger.claim() is not None
            work.lease_ends(operation)
        work.work()
    assert (again(operation).state, operation.error_class) == ("failed", "crash")


def test_a_wait_without_end_ends_at_the_steps_deadline(runtime: Runtime) -> None:
    waiting = work.step("first", lambda _: Wait("No node is ready."), deadline=timedelta(minutes=10))
    with work.flows(provision=work.flow(waiting)):
        operation = work.start(runtime)
        work.work()
        work.time_passes(operation, timedelta(minutes=11))
        sweeping.sweep()
        work.work()
    assert (again(operation).state, operation.error_class, operation.error_code) == (
        "failed",
        "deadline",
        "step_deadline",
    )
    assert (
        operation.error_message
        == "“Do first” did not end before its deadline. It last said: No node is ready."
    )


def test_a_wait_never_outlasts_its_deadline(runtime: Runtime) -> None:
    waiting = work.step("first", lambda _: Wait("Much.", timedelta(days=3)), deadline=timedelta(minutes=10))
    with work.flows(provision=work.flow(waiting)):
        operation = work.start(runtime)
        work.work()
    limit = again(operation).step_deadline
    assert limit is not None
    assert operation.due_at <= limit <= operation.created_at + timedelta(minutes=11)


def test_an_operation_goes_on_when_a_deploy_took_its_step_away(runtime: Runtime) -> None:
    with work.flows(
        provision=work.flow(work.step("first"), work.step("old", lambda _: Wait("x")), work.step("third"))
    ):
        operation = work.start(runtime)
        work.work()
        assert again(operation).step == "old"
    with work.flows(provision=work.flow(work.step("first"), work.step("new"), work.step("third"))):
        work.wait_ends(operation)
        sweeping.sweep()
        work.work()
    assert again(operation).state == "succeeded"
    assert [entry["step"] for entry in operation.steps_done] == ["first", "new", "third"]


def test_an_operation_whose_place_in_the_flow_is_lost_fails_with_the_reason(runtime: Runtime) -> None:
    with work.flows(provision=work.flow(work.step("gone"), work.step("old", lambda _: Wait("x")))):
        operation = work.start(runtime)
        work.work()
    with work.flows(provision=work.flow(work.step("new"))):
        work.wait_ends(operation)
        sweeping.sweep()
        work.work()
    assert (again(operation).state, operation.error_code) == ("failed", "step_unknown")


def test_a_step_that_hangs_is_stopped_before_the_lease_ends(runtime: Runtime, settings: object) -> None:
    import time

    settings.STEP_TIMEOUT_SECONDS = 0.2  # type: ignore[attr-defined]

    def hang(_: StepContext) -> Outcome:
        time.sleep(30)
        return Done()

    with work.flows(provision=work.flow(work.step("first", hang))):
        operation = work.start(runtime)
        work.work()
    assert (again(operation).state, operation.error_code) == ("waiting", "step_timeout")


def test_an_operation_whose_flow_is_gone_fails_and_does_not_stop_the_worker(runtime: Runtime) -> None:
    with work.flows(rotate=work.flow()):
        operation = work.start(runtime, Kind.ROTATE)
    with work.flows():
        work.work()
    assert (again(operation).state, operation.error_code) == ("failed", "kind_unknown")


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        (Fatal("No plan knows this.", code="NO"), "failed", "NO"),
        (Retry("Not now.", code="LATER"), "waiting", "LATER"),
        (KeyError("administrators"), "waiting", "unforeseen"),
    ],
)
def test_a_fault_while_asking_whether_a_step_is_needed_is_the_steps_own(
    runtime: Runtime, fault: Exception, state: str, code: str
) -> None:
    def needed(_: ClusterSpec) -> bool:
        raise fault

    with work.flows(provision=work.flow(work.step("first", needed=needed), work.step("second"))):
        operation = work.start(runtime)
        work.work()
    assert (again(operation).state, operation.error_code, operation.step) == (state, code, "first")
    assert operation.lease_until is None
