"""The observer's sight of the fulfilled wish settles a runtime, without anybody who claims its operation first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from controlplane.tenants.access import SYSTEM
from provisioner.operations import engine, ledger, services, settling
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Done, Outcome, StepContext, Wait
from tests import work
from tests.work import again
from tests.world import World

WAITS = Wait("It is being built")


def unasked(_: StepContext) -> Outcome:
    raise AssertionError("nobody has to ask")


def built_by(act: work.Act = unasked, **changes: Any) -> Any:
    """Provisioning whose second step believes the observer; changes are that step's."""
    second = work.step("await", act, **{"first_wait": WAITS, "ends_when_ready": True, **changes})
    return work.flow(work.step("order"), second, work.step("furnish"), settles="await")


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.flows(provision=built_by()):
        yield


@pytest.fixture
def operation(world: World) -> Operation:
    """One that has ordered its cluster and waits for it."""
    found = work.start(work.runtime(world.shop, world.landscape))
    work.work()
    assert (again(found).state, found.step) == ("waiting", "await")
    return found


def sees(operation: Operation, situation: str = "ready", ordered_by: str = "") -> int:
    """The observer writes its sight and calls, as it does in one transaction."""
    owner = {"operation": ordered_by or str(operation.pk)}
    sight = {"situation": situation, "generation": 1, "owner": owner}
    Runtime.objects.filter(pk=operation.runtime_id).update(status=sight)
    return services.wake(runtime_ids=[operation.runtime_id])


def phase_of(operation: Operation) -> str:
    return str(Runtime.objects.values_list("phase", flat=True).get(pk=operation.runtime_id))


def test_the_sight_settles_it_and_the_rest_goes_on_in_the_background(operation: Operation) -> None:
    fence = operation.fence
    assert sees(operation) == 1
    assert (again(operation).state, operation.step, operation.background) == ("running", "furnish", True)
    assert (operation.reason, operation.attempts, operation.lease_until) == (ledger.BEHIND, 0, None)
    assert operation.fence > fence
    assert phase_of(operation) == "ready"
    assert Runtime.objects.get(pk=operation.runtime_id).observed_generation == 1
    work.work()
    assert again(operation).state == "succeeded"
    assert [one["step"] for one in operation.steps_done] == ["order", "await", "furnish"]


def test_it_leaves_what_a_worker_leaves(world: World, operation: Operation) -> None:
    """The same rows, whether the sight was there when a worker came or came by the observer's call."""
    other = work.start(work.runtime(world.shop, world.landscape))
    work.work()
    sight = {"situation": "ready", "owner": {"operation": str(other.pk)}}
    Runtime.objects.filter(pk=other.runtime_id).update(status=sight)
    work.wait_ends(other)
    Operation.objects.filter(pk=other.pk).update(state="running")
    held = ledger.claim()
    assert held is not None
    work.worker().run(held)
    sees(operation)
    assert left(operation) == left(other)


def left(operation: Operation) -> dict[str, Any]:
    again(operation)
    runtime = Runtime.objects.values("phase", "observed_generation", "message").get(pk=operation.runtime_id)
    attempts = OperationAttempt.objects.filter(operation=operation).order_by("id")
    same = (
        "state",
        "slot",
        "step",
        "background",
        "attempts",
        "reason",
        "progress",
        "error_class",
        "error_code",
        "lease_until",
    )
    return {
        **{name: getattr(operation, name) for name in same},
        **runtime,
        "steps_done": [sorted(entry) for entry in operation.steps_done],
        "limits": (operation.step_started_at, operation.step_deadline),
        "attempts": list(attempts.values_list("step", "number", "outcome", "message")),
        "fence": attempts.last().fence == operation.fence,  # type: ignore[union-attr]
    }


def test_a_worker_that_held_it_before_finds_its_fence_outgrown(world: World) -> None:
    found = work.start(work.runtime(world.shop, world.landscape))
    held = ledger.claim()
    assert held is not None
    work.worker().run(held)
    sees(found)
    flow = built_by()
    change = engine.next_state(held.progress_after(timedelta(0)), Done(), flow, jitter=lambda: 0.5)
    assert ledger.checkpoint(held, change) is None
    assert again(found).step == "furnish"


@pytest.mark.parametrize(
    ("situation", "ordered_by"),
    [("changing", ""), ("unhealthy", ""), ("ready", "another operation")],
)
def test_any_other_sight_is_for_a_worker_to_look_at(
    operation: Operation, situation: str, ordered_by: str
) -> None:
    assert sees(operation, situation, ordered_by) == 1
    assert (again(operation).state, operation.step, operation.background) == ("running", "await", False)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"error_class": "retry"},
        {"deadline": F("created_at")},
        {"generation": 0},
    ],
    ids=str,
)
def test_what_is_out_of_the_ordinary_is_a_workers_to_decide(
    operation: Operation, otherwise: dict[str, Any]
) -> None:
    Operation.objects.filter(pk=operation.pk).update(**otherwise)
    sees(operation)
    assert again(operation).step == "await"
    assert phase_of(operation) == "provisioning"


def test_a_wish_behind_it_keeps_it_in_front(operation: Operation) -> None:
    work.wish(operation.runtime)
    Operation.objects.filter(pk=operation.pk).update(generation=2)  # the generation alone would keep it, too
    sees(operation)
    assert (again(operation).step, operation.background) == ("await", False)


def test_a_paused_one_stays_paused(operation: Operation) -> None:
    services.pause_operation(actor=SYSTEM, operation_id=operation.pk)
    assert sees(operation) == 0
    assert (again(operation).state, operation.step) == ("paused", "await")


def test_a_step_that_asks_for_itself_is_run(world: World) -> None:
    with work.flows(provision=built_by(work.done, ends_when_ready=False)):
        found = work.start(work.runtime(world.shop, world.landscape))
        work.work()
        sees(found)
        assert (again(found).step, found.background) == ("await", False)


def test_a_flow_that_settles_nothing_is_run(world: World, operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(kind=Kind.UPDATE)
    sees(operation)
    assert again(operation).step == "await"


def test_those_of_one_tenant_stand_one_behind_the_other_in_the_background(world: World) -> None:
    found = [work.start(work.runtime(world.shop, world.landscape)) for _ in range(5)]
    work.work()
    for operation in found:
        sight = {"situation": "ready", "owner": {"operation": str(operation.pk)}}
        Runtime.objects.filter(pk=operation.runtime_id).update(status=sight)
    assert services.wake(runtime_ids=[operation.runtime_id for operation in found]) == 5
    shares = sorted(again(operation).share for operation in found)
    assert shares == [shares[0] + place for place in range(5)]


def test_it_rides_on_indexes(operation: Operation) -> None:
    sql = settling.SETTLE_SEEN
    given = {"runtimes": f"'{{{operation.runtime_id}}}'", "ends": "'[]'", "reason": "''"}
    for name, value in given.items():
        sql = sql.replace(f"%({name})s", value)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
