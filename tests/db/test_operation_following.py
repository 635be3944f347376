"""An operation that waits for its landscape shows how far the landscape is."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from provisioner.operations import engine, flowbook
from provisioner.operations.following import follow
from provisioner.operations.models import Operation
from provisioner.operations.services import wake
from provisioner.runtimes.models import Runtime
from provisioner.steps.base import Done, Outcome, StepContext, Wait
from tests import work
from tests.signed_in import present
from tests.world import World, order

pytestmark = pytest.mark.django_db


def waiting(world: World, **fields: Any) -> Operation:
    """An operation in the middle of its wait, and a runtime that the observer has just seen half built."""
    present(world.landscape)
    operation: Operation = order(world)
    wait = {
        "state": "waiting",
        "step": "await_cluster",
        "reason": "as it was",
        "progress": 10,
        "started_at": now(),
    }
    Operation.objects.filter(pk=operation.pk).update(**{**wait, **fields})
    sight = {"situation": "changing", "progress": 50, "activity": "Create: nodes join"}
    Runtime.objects.filter(pk=operation.runtime_id).update(status=sight)
    return operation


def after(operation: Operation) -> Operation:
    follow(runtime_ids=[operation.runtime_id])
    operation.refresh_from_db()
    return operation


def test_reason_and_progress_are_the_landscapes(world: World) -> None:
    operation = after(waiting(world))
    assert operation.reason == "Create: nodes join"
    flow = flowbook.flow_of("provision")
    assert abs(operation.progress - engine.percent(flow, "await_cluster", 50)) <= 1


@pytest.mark.parametrize(
    "otherwise",
    [
        {"step": "verify_access"},
        {"error_class": "retry"},
        {"state": "paused"},
        {"state": "running"},
    ],
    ids=str,
)
def test_who_waits_for_something_else_keeps_the_own_words(world: World, otherwise: dict[str, Any]) -> None:
    operation = after(waiting(world, **otherwise))
    assert (operation.reason, operation.progress) == ("as it was", 10)


def test_a_landscape_that_says_nothing_takes_no_words_away(world: World) -> None:
    operation = waiting(world)
    Runtime.objects.filter(pk=operation.runtime_id).update(status={"situation": "changing"})
    assert after(operation).reason == "as it was"


def asked_of_the_landscape(world: World, situation: str, ordered_by: str) -> bool:
    """Whether a step that a ready cluster ends had to ask, when the observer has seen this and who ordered it."""
    asked: list[StepContext] = []

    def ask(context: StepContext) -> Outcome:
        asked.append(context)
        return Done()

    row = work.runtime(world.shop, world.landscape)
    with work.flows(provision=work.flow(work.step("await", ask, ends_when_ready=True))):
        operation = work.start(row)
        owner = {"operation": ordered_by or str(operation.pk)}
        sight = {"situation": situation, "generation": 1, "owner": owner}
        Runtime.objects.filter(pk=row.pk).update(status=sight if situation else {})
        work.work()
    assert work.again(operation).state == "succeeded"
    return bool(asked)


def test_what_the_observer_has_seen_fulfilled_is_not_asked_again(world: World) -> None:
    assert not asked_of_the_landscape(world, "ready", "")


@pytest.mark.parametrize(
    ("situation", "ordered_by"),
    [("", ""), ("ready", "another operation"), ("changing", "")],
    ids=["nothing", "another's order", "a change"],
)
def test_any_other_sight_is_looked_up(world: World, situation: str, ordered_by: str) -> None:
    assert asked_of_the_landscape(world, situation, ordered_by)


def test_what_was_ordered_a_moment_ago_is_not_looked_at_yet(world: World) -> None:
    asked: list[StepContext] = []

    def ask(context: StepContext) -> Outcome:
        asked.append(context)
        return Done()

    row = work.runtime(world.shop, world.landscape)
    order = work.step("order", lambda _context: Done())
    wait = work.step("await", ask, first_wait=Wait("It is being built."))
    with work.flows(provision=work.flow(order, wait)):
        operation = work.start(row)
        work.work()
        assert work.again(operation).reason == "It is being built."
        assert not asked
        wake(runtime_ids=[row.id])
        work.work()
    assert work.again(operation).state == "succeeded"
    assert asked
