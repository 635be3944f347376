"""The steps of an operation as both faces tell them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisioner.flows.base import Flow
from provisioner.operations import flowbook
from provisioner.operations.models import Operation
from provisioner.operations.timeline import step_title, timeline
from tests.pure.test_engine import flow_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def flow() -> Iterator[Flow]:
    flow = flow_of(4)
    with flowbook.installed({"provision": flow}):
        yield flow


def operation(step: str, *done: dict[str, Any], state: str = "running", **fields: Any) -> Operation:
    return Operation(kind="provision", step=step, steps_done=list(done), state=state, **fields)


def entry(step: str, **more: Any) -> dict[str, Any]:
    return {"step": step, "at": NOW.isoformat(), "seconds": 90, **more}


def told(row: Operation) -> list[tuple[str, str]]:
    return [(step.name, step.state.value) for step in timeline(row)]


def test_what_was_done_comes_first_then_what_is_at_work_then_what_is_to_come(flow: Flow) -> None:
    first, second, third, fourth = flow.names()
    row = operation(third, entry(first), entry(second, skipped="by hand"))
    assert told(row) == [(first, "done"), (second, "skipped"), (third, "running"), (fourth, "pending")]


def test_a_step_that_a_deploy_took_away_is_still_told_and_the_rest_follows(flow: Flow) -> None:
    first, second, third, fourth = flow.names()
    row = operation("retired", entry("older"), entry(first), state="waiting")
    assert told(row) == [
        ("older", "done"),
        (first, "done"),
        ("retired", "waiting"),
        (second, "pending"),
        (third, "pending"),
        (fourth, "pending"),
    ]
    assert step_title("provision", "retired") == "Retired"


def test_an_earlier_try_says_nothing_of_the_steps_that_are_done_anew(flow: Flow) -> None:
    first, second, third, fourth = flow.names()
    before = (entry(first), entry(second), entry(third, failed="It gave up."))
    again = [(first, "done"), (second, "waiting"), (third, "pending"), (fourth, "pending")]
    assert told(operation(second, *before, state="waiting")) == again
    assert told(operation(third, *before, entry(second)))[2] == (third, "running")
    beyond = operation(fourth, *before, entry(first, failed="It gave up."), state="failed")
    assert told(beyond) == [(first, "failed"), (fourth, "failed")]
    retried = operation(
        fourth, *before, *(entry(name) for name in (second, third, fourth)), state="succeeded"
    )
    assert told(retried) == [(name, "done") for name in flow.names()]


def test_one_that_succeeded_tells_only_what_it_did(flow: Flow) -> None:
    first, second, *_ = flow.names()
    assert told(operation(second, entry(first), entry(second), state="succeeded")) == [
        (first, "done"),
        (second, "done"),
    ]


def test_one_that_succeeded_behind_a_halted_try_tells_its_steps_in_the_order_of_the_last_one(
    flow: Flow,
) -> None:
    first, second, third, fourth = flow.names()
    halted = (entry(first), entry(second, failed="It gave up."), entry(fourth))
    retried = (entry(second), entry(third), entry(fourth))
    row = operation(fourth, *halted, *retried, state="succeeded")
    assert told(row) == [(name, "done") for name in (first, second, third, fourth)]


def test_one_that_succeeded_keeps_the_order_that_its_flow_had_then(flow: Flow) -> None:
    first, second, third, _ = flow.names()
    row = operation(first, entry(third), entry(second), entry(first), state="succeeded")
    assert [name for name, _ in told(row)] == [third, second, first]


def test_a_step_lasts_from_its_begin_to_its_end_or_until_now(flow: Flow) -> None:
    first, second, *_ = flow.names()
    began = NOW - timedelta(seconds=30)
    row = operation(second, entry(first), step_started_at=began)
    done, current, coming, _ = timeline(row)
    assert (done.started_at, done.finished_at) == (NOW - timedelta(seconds=90), NOW)
    assert (done.seconds(NOW), current.seconds(NOW), coming.seconds(NOW)) == (90, 30, None)
    row.state, row.finished_at = "failed", NOW - timedelta(seconds=10)
    assert timeline(row)[1].seconds(NOW) == 20


def test_what_stands_in_the_queue_has_lasted_nothing(flow: Flow) -> None:
    row = operation(flow.names()[0], state="queued", step_started_at=NOW - timedelta(hours=1))
    assert timeline(row)[0].seconds(NOW) is None
