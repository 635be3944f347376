"""Workers die, stop and lose their messages; every operation still ends, once, with no step lost."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator

import psutil
import pytest
from django.db import connection

from provisioner.operations import flowbook
from provisioner.operations.models import Operation, OperationAttempt
from tests import work
from tests.engine_stack import EngineStack, eventually, kill_group
from tests.world import World

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("engine")]

Start = Callable[..., EngineStack]


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Start a broker and a worker whose flow has these steps, with short leases and frequent sweeps."""
    stacks: list[EngineStack] = []

    def begin(*steps: str, workers: int = 1, **environment: str) -> EngineStack:
        database = connection.settings_dict
        host = database["OPTIONS"].get("host") or database["HOST"]
        url = f"postgres://{database['USER']}@/{database['NAME']}?host={host}"
        names = ",".join(steps)
        stack = EngineStack(
            url, ENGINE_STEPS=names, LEASE_SECONDS="2", STEP_TIMEOUT_SECONDS="1", HELM_SECONDS="0.5", SWEEP_SECONDS="0.3",
            DATABASE_POOL_SIZE="0", **environment,
        )  # fmt: skip
        stacks.append(stack)
        flowbook.install({"provision": work.flow(*(work.step(name) for name in steps))})
        for _ in range(workers):
            stack.worker(beats=True)
        return stack

    yield begin
    flowbook.install({})
    for stack in stacks:
        stack.close()


def open_some(world: World, count: int) -> None:
    for _ in range(count):
        work.start(work.runtime(world.shop, world.landscape))


def all_succeed() -> bool:
    states = set(Operation.objects.values_list("state", flat=True))
    assert not states & {"failed", "cancelled"}, list(Operation.objects.values("state", "error_message"))
    return states == {"succeeded"}


def each_step_is_kept_once(steps: int, operations: int) -> None:
    done = Counter(OperationAttempt.objects.filter(outcome="done").values_list("operation_id", "step"))
    assert len(done) == steps * operations
    assert set(done.values()) == {1}


def test_a_worker_killed_in_every_step_is_replaced_and_nothing_is_lost(start: Start, world: World) -> None:
    stack = start("kill_1", "two", "kill_2")
    open_some(world, 3)
    eventually(all_succeed)
    each_step_is_kept_once(3, 3)
    killed = Counter(name for _, name, _, _, what in stack.steps() if what == "begins")
    assert killed["kill_1"] == 6
    assert killed["kill_2"] == 9


def test_a_step_that_always_kills_its_worker_fails_and_the_queue_moves_on(start: Start, world: World) -> None:
    start("kill_99")
    open_some(world, 1)
    eventually(lambda: Operation.objects.filter(state="failed", error_class="crash").exists())


def test_a_whole_worker_killed_between_steps_is_taken_over(start: Start, world: World) -> None:
    stack = start("one", "slow", "three")
    open_some(world, 4)
    eventually(lambda: any(step[1] == "slow" for step in stack.steps()))
    kill_group(stack.running[1])
    stack.worker(beats=True)
    eventually(all_succeed)
    each_step_is_kept_once(3, 4)


def test_an_emptied_broker_costs_only_time(start: Start, world: World) -> None:
    stack = start("one", "two", workers=0)
    open_some(world, 20)
    stack.flush()
    stack.worker(beats=True)
    eventually(all_succeed)
    each_step_is_kept_once(2, 20)


def test_a_stopped_worker_that_comes_back_late_changes_nothing(start: Start, world: World) -> None:
    stack = start("one", "hang", "three", workers=2)
    open_some(world, 1)
    eventually(all_succeed)
    before = list(OperationAttempt.objects.order_by("id").values())
    stopped = [
        p
        for root in stack.running
        for p in psutil.Process(root.pid).children(recursive=True)
        if p.status() == psutil.STATUS_STOPPED
    ]
    assert stopped
    for process in stopped:
        os.kill(process.pid, signal.SIGCONT)
    eventually(
        lambda: (
            [step[4] for step in stack.steps() if step[1] == "hang"].count("ends") == 2 or _timed_out(stack)
        )
    )
    assert list(OperationAttempt.objects.order_by("id").values()) == before
    each_step_is_kept_once(3, 1)


def _timed_out(stack: EngineStack) -> bool:
    """Whether the step's time limit rang as soon as its process went on."""
    return all(
        p.status() != psutil.STATUS_STOPPED
        for root in stack.running
        for p in psutil.Process(root.pid).children(recursive=True)
    )


def test_a_broker_that_dies_and_comes_back_is_used_again(start: Start, world: World) -> None:
    stack = start("one", "two")
    kill_group(stack.broker)
    open_some(world, 5)  # accepted all the same
    stack.start_broker()
    eventually(all_succeed)
    each_step_is_kept_once(2, 5)
