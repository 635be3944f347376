"""The engine's decisions: only legal moves, attempts counted, deadlines kept, backoff bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.kernel.errors import Fatal, Retry
from provisioner.flows.base import Flow
from provisioner.operations import engine
from provisioner.operations.engine import Outcome, Progress, Refusal
from provisioner.operations.moves import CLOSED, MOVES, OPEN, State
from provisioner.steps.base import Done, Step, StepContext, Wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(_: StepContext) -> Outcome:
    raise AssertionError("the engine runs nothing")


def flow_of(count: int, *, attempts: int = 3) -> Flow:
    steps = tuple(
        Step(f"s{n}", f"Do {n}", run, deadline=timedelta(minutes=10), max_attempts=attempts, weight=n + 1)  # type: ignore[arg-type]
        for n in range(count)
    )
    return Flow(steps, deadline=timedelta(hours=1))


outcomes = st.one_of(
    st.builds(Done),
    st.builds(
        Wait,
        st.text(max_size=20),
        st.timedeltas(timedelta(0), timedelta(hours=2)),
        st.none() | st.integers(-5, 200),
    ),
    st.builds(
        Refusal, st.just("full"), st.timedeltas(timedelta(0), timedelta(minutes=1)), st.just("over_budget")
    ),
    st.builds(
        Retry, st.text(max_size=20), after=st.none() | st.timedeltas(timedelta(0), timedelta(minutes=1))
    ),
    st.builds(Fatal, st.text(max_size=20)),
    st.builds(ValueError, st.text(max_size=20)),
)


@given(
    st.lists(st.tuples(outcomes, st.integers(0, 900)), max_size=200), st.integers(1, 6), st.floats(0, 0.999)
)
def test_every_walk_makes_only_legal_moves_and_stands_on_a_step_of_the_flow(
    script: list[tuple[Outcome, int]], count: int, jitter: float
) -> None:
    flow = flow_of(count)
    now, started, state, step, attempts = NOW, NOW, State.QUEUED, "s0", 0
    limit: datetime | None = None
    held = False
    for outcome, seconds in script:
        if not held:
            assert State.RUNNING in MOVES[state]
            state, attempts = State.RUNNING, attempts + 1
        now += timedelta(seconds=seconds)
        progress = Progress(step, attempts, now, started, NOW + flow.deadline, limit)
        change = engine.before_running(progress, flow) or engine.next_state(
            progress, outcome, flow, jitter=lambda: jitter
        )
        assert change.state in MOVES[state]
        assert change.step in flow.names()
        assert 0 <= change.progress <= 100
        assert change.attempts >= 0
        assert change.closes == (change.state in CLOSED)
        if change.closes:
            assert (change.problem is None) == (change.state is State.SUCCEEDED)
            return
        assert change.state in OPEN
        state, held, attempts = change.state, change.runs_on, change.attempts
        if change.step_done:
            assert flow.names().index(change.step) == flow.names().index(step) + 1
            step, started, limit = change.step, now, now + change.step_limit
        else:
            limit = change.step_deadline
            now += change.delay


def waiting_second() -> Flow:
    first, second = flow_of(2).steps
    return Flow(
        (first, replace(second, first_wait=Wait("It is being built", progress=50))), timedelta(hours=1)
    )


def test_a_step_that_begins_with_a_wait_is_waited_for_in_the_same_write() -> None:
    flow = waiting_second()
    done = engine.next_state(
        Progress("s0", 1, NOW, NOW, NOW + flow.deadline), Done(), flow, jitter=lambda: 0.5
    )
    assert done.runs_on
    waits = engine.waits_first(done, flow)
    assert (waits.state, waits.step, waits.step_done, waits.attempts) == (State.WAITING, "s1", True, 0)
    assert (waits.reason, waits.wakeable, waits.delay) == ("It is being built", True, timedelta(seconds=30))
    assert waits.step_limit == timedelta(minutes=10)
    assert done.progress < waits.progress < 100


def test_one_that_begins_with_a_look_is_gone_on_with() -> None:
    flow = flow_of(2)
    done = engine.next_state(
        Progress("s0", 1, NOW, NOW, NOW + flow.deadline), Done(), flow, jitter=lambda: 0.5
    )
    assert engine.waits_first(done, flow) == done


@given(outcomes, st.floats(0, 0.999))
def test_behind_its_deadline_an_operation_never_waits(outcome: Outcome, jitter: float) -> None:
    late = Progress("s0", 1, NOW + timedelta(hours=2), NOW, NOW + timedelta(hours=1))
    change = engine.next_state(late, outcome, flow_of(2), jitter=lambda: jitter)
    assert change.state is State.FAILED


@given(st.integers(1, 100), st.floats(0, 0.999))
def test_backoff_grows_to_a_bound_and_is_never_nothing(attempts: int, jitter: float) -> None:
    delay = engine.backoff(attempts, jitter)
    assert engine.SHORTEST_WAIT <= delay <= engine.LONGEST_BACKOFF
    assert delay <= engine.FIRST_BACKOFF * 2 ** (min(attempts, 20) - 1)


@pytest.mark.parametrize(("attempts", "state"), [(1, State.WAITING), (2, State.WAITING), (3, State.FAILED)])
def test_the_last_attempt_is_the_last(attempts: int, state: State) -> None:
    progress = Progress("s0", attempts, NOW, NOW, NOW + timedelta(hours=1))
    assert engine.next_state(progress, Retry("x"), flow_of(1), jitter=lambda: 0.5).state is state


def test_a_landscape_that_says_when_is_obeyed() -> None:
    progress = Progress("s0", 1, NOW, NOW, NOW + timedelta(hours=1))
    fault = Retry("slow down", after=timedelta(seconds=90))
    assert engine.next_state(progress, fault, flow_of(1), jitter=lambda: 0.0).delay == timedelta(seconds=90)


def test_a_refusal_takes_no_attempt_and_none_of_the_steps_time() -> None:
    progress = Progress("s0", 2, NOW, NOW, NOW + timedelta(hours=1), NOW + timedelta(minutes=1))
    change = engine.next_state(
        progress, Refusal("full", timedelta(minutes=5), "over_budget"), flow_of(1), jitter=lambda: 0.0
    )
    assert change.attempts == 1
    assert change.step_deadline == NOW + timedelta(minutes=6)


def test_the_crash_after_the_last_attempt_ends_the_operation() -> None:
    progress = Progress("s0", 4, NOW, NOW, NOW + timedelta(hours=1))
    change = engine.before_running(progress, flow_of(1))
    assert change is not None
    assert change.problem is not None
    assert (change.state, change.problem.kind) == (State.FAILED, "crash")


@pytest.mark.parametrize(
    ("name", "done", "then"),
    [("s1", [], "s1"), ("old", ["s0"], "s1"), ("old", [], "s0"), ("old", ["s0", "gone"], "s1")],
)
def test_the_step_to_go_on_with(name: str, done: list[str], then: str) -> None:
    assert engine.step_to_run(name, done, flow_of(3)) == then


@pytest.mark.parametrize("done", [["gone"], ["s2"]])
def test_a_place_that_no_flow_knows_is_fatal(done: list[str]) -> None:
    with pytest.raises(Fatal):
        engine.step_to_run("old", done, flow_of(3))


def test_open_and_closed_states_part_the_table() -> None:
    assert set(MOVES) == OPEN | CLOSED
    assert not OPEN & CLOSED
