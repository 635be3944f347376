"""A step that fails need not end its operation: the flow may say where to go on, with what time, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.kernel.errors import Fatal, Retry
from provisioner.flows.base import Flow
from provisioner.operations import engine
from provisioner.operations.engine import Outcome, Progress, Refusal
from provisioner.operations.moves import State
from provisioner.steps.base import Detour, Done, Failure, Step, StepContext, Wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATE = NOW - timedelta(minutes=1)
DUE = NOW + timedelta(hours=1)


def run(_: StepContext) -> Any:
    raise AssertionError("the engine runs nothing")


def noted(failure: Failure) -> dict[str, str]:
    return {"why": f"{failure.kind}: {failure.message}"}


TRY = Step("try", "Try", run, max_attempts=3, otherwise=Detour("mend", noted))
BETWEEN = Step("between", "Go on", run)
MEND = Step("mend", "Mend", run, deadline=timedelta(hours=2), time_left=timedelta(hours=3))
FLOW = Flow((TRY, BETWEEN, MEND, Step("end", "End", run)), timedelta(hours=1))


def outcome_of(progress: Progress, outcome: Outcome, flow: Flow = FLOW) -> engine.Change:
    return engine.next_state(progress, outcome, flow, jitter=lambda: 0.5)


@pytest.mark.parametrize(
    ("attempts", "deadline", "outcome", "why"),
    [
        (1, DUE, Fatal("no such kind"), "fatal: no such kind"),
        (3, DUE, Retry("busy"), "retry: Gave up after 3 attempts: busy"),
        (3, DUE, ValueError("x"), "retry: Gave up after 3 attempts: An unforeseen ValueError in “Try”."),
        (
            1,
            LATE,
            Wait("soon"),
            "deadline: The operation did not end before its deadline. It last said: soon",
        ),
        (
            1,
            LATE,
            Retry("busy"),
            "deadline: The operation did not end before its deadline. It last said: busy",
        ),
        (1, LATE, Refusal("full", timedelta(0), "over_budget"), "deadline: The operation did not end"),
        (1, LATE, Done(), "deadline: The operation did not end before its deadline."),
    ],
)
def test_whatever_ends_the_step_leads_to_the_one_that_the_flow_names(
    attempts: int, deadline: datetime, outcome: Outcome, why: str
) -> None:
    change = outcome_of(Progress("try", attempts, NOW, NOW, deadline), outcome)
    assert (change.state, change.step, change.step_done) == (State.RUNNING, "mend", True)
    assert change.notes["why"].startswith(why)
    assert (change.step_limit, change.time_left) == (MEND.deadline, MEND.time_left)
    assert change.gave_up
    assert change.problem is not None


def test_a_worker_that_died_in_every_attempt_leads_there_too() -> None:
    change = engine.before_running(Progress("try", 4, NOW, NOW, DUE), FLOW)
    assert change is not None
    assert (change.state, change.step) == (State.RUNNING, "mend")
    assert change.notes["why"].startswith("crash: The worker died")


@pytest.mark.parametrize("outcome", [Done(), Wait("soon"), Retry("busy")])
def test_a_step_that_has_time_and_attempts_goes_its_own_way(outcome: Outcome) -> None:
    change = outcome_of(Progress("try", 1, NOW, NOW, DUE), outcome)
    assert change.step in {"try", "between"}
    assert not change.notes
    assert not change.gave_up


def test_a_step_that_brings_its_own_time_begins_however_late_it_is() -> None:
    change = outcome_of(Progress("between", 1, NOW, NOW, LATE), Done())
    assert (change.state, change.step, change.time_left) == (State.RUNNING, "mend", timedelta(hours=3))
    assert outcome_of(Progress("mend", 1, NOW, NOW, LATE), Done()).state is State.FAILED


def test_a_patient_step_takes_passing_faults_until_its_deadline() -> None:
    patient = replace(FLOW, steps=(*FLOW.steps[:2], replace(MEND, patient=True), FLOW.steps[3]))
    attempts = 0
    for _ in range(500):
        attempts += 1
        assert engine.before_running(Progress("mend", attempts, NOW, NOW, DUE), patient) is None
        change = outcome_of(Progress("mend", attempts, NOW, NOW, DUE), Retry("away"), patient)
        assert change.state is State.WAITING
        assert change.delay <= engine.LONGEST_BACKOFF
        attempts = change.attempts
    assert attempts <= MEND.max_attempts // 2, "the others are for workers that die"
    late = Progress("mend", 1, NOW, NOW, DUE, step_deadline=LATE)
    assert outcome_of(late, Retry("away"), patient).state is State.FAILED


def test_patience_is_for_passing_faults_alone() -> None:
    patient = replace(FLOW, steps=(*FLOW.steps[:2], replace(MEND, patient=True), FLOW.steps[3]))
    spent = Progress("mend", MEND.max_attempts, NOW, NOW, DUE)
    assert outcome_of(spent, ValueError("x"), patient).state is State.FAILED
    assert outcome_of(spent, Fatal("x"), patient).state is State.FAILED
