"""How soon a rollout is at its full rate again after every worker and scheduler was killed with SIGKILL, and whether twice.

Real Celery workers and a real beat run it through the door that everybody takes. All of them are killed mid-way and begun anew;
the lost ones' leases and the beat's rhythm are what it waits for. Nothing may have been ordered twice, and nothing done twice: by
a worker whose lease another one had taken over, or again after its end was committed. What was in hand at the kill and never
committed is done again, as it must be: no more of it than the workers had hands.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.rollout_ground import entry, ground, settle

NAMES = ("rollout_recovery_seconds",)
LEASE_SECONDS = 10
GOAL_SECONDS = LEASE_SECONDS + 5.0
RUNTIMES, AT_ONCE, FULL, WINDOW_SECONDS = 2_500, 60, 0.8, 3.0
BEFORE_SECONDS, PATIENCE_SECONDS = 15.0, 60.0
HANDS = 2  # of the worker: steps that it does at the same time


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.rollout_recovery", seconds=600)


def main() -> None:
    """Measure, and print the entry as one line of JSON."""
    with ground() as base:
        from tests.engine_stack import EngineStack

        quiet = {"LEASE_SECONDS": str(LEASE_SECONDS), "STEP_TIMEOUT_SECONDS": "8", "LOG_LEVEL": "INFO"}
        stack = EngineStack(base.url, **quiet)
        os.environ.update(stack.environment)
        try:
            print(json.dumps([_measure(stack)]))
        finally:
            stack.close()


def _measure(stack: Any) -> dict[str, Any]:
    from django.db import connection

    from tests.engine_stack import kill_group

    rollout = _start()
    processes = _processes(stack)
    full = _rate_before()
    in_flight = _at_work()
    for process in processes:
        kill_group(process)
    killed = time.perf_counter()
    _processes(stack)
    up = time.perf_counter() - killed
    recovered = _seconds_until(full, killed)
    ordered, done = _ordered_twice(), doings(stack.steps(), _committed())
    detail = {
        "full_rate_per_second": round(full, 1),
        "at_work_when_killed": in_flight,
        "lease_seconds": LEASE_SECONDS,
        "processes_up_after_seconds": round(up, 1),
        "counts_as_full_rate": f"{FULL:.0%} of the rate before, over {WINDOW_SECONDS:g} seconds",
        "ordered_twice": ordered,
        "done_by_an_outlived_worker": done.outlived,
        "done_after_it_was_committed": done.after_commit,
        "done_again_as_it_was_never_committed": done.uncommitted,
        "steps_noted": done.noted,
        "done": _done(),
    }
    connection.close()
    assert rollout
    return entry(
        NAMES[0],
        round(recovered, 1),
        "seconds",
        GOAL_SECONDS,
        "most",
        detail,
        also=not (ordered or done.outlived or done.after_commit)
        and done.uncommitted <= HANDS
        and done.noted > 0
        and in_flight > 0
        and full > 0,
    )


def _start() -> Any:
    from controlplane.tenants.access import SYSTEM
    from controlplane.tenants.services import create_account, create_tenant
    from provisioner.rollouts.services import create_rollout, start_rollout
    from tests import world
    from tests.rolling_out import NEW, fleet

    tenant = create_tenant(actor=SYSTEM, slug="recovery", name="R")
    account = create_account(actor=SYSTEM, tenant=tenant, slug="recovery", name="R")
    fleet(account, [world.landscape("recovery")], RUNTIMES)
    plan = {"stages": [{"name": "rest"}], "max_concurrency": AT_ONCE}
    rollout = create_rollout(actor=SYSTEM, name="recovery", release=NEW, selector="all", plan=plan)
    settle()
    return start_rollout(actor=SYSTEM, rollout_id=rollout.id)


def _processes(stack: Any) -> list[Any]:
    options = ["--concurrency", str(HANDS), "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    app = ["-m", "celery", "-A", "tests.rollout_worker"]
    worker = stack.python(*app, "worker", *options, ready=" ready.")
    return [worker, stack.python(*app, "beat", "--loglevel", "INFO", "--pidfile=")]


def _done() -> int:
    from provisioner.operations.models import Operation

    return Operation.objects.filter(kind="upgrade", state="succeeded").count()


def _at_work() -> int:
    from provisioner.rollouts.models import Target

    return Target.objects.filter(state__in=["starting", "running"]).count()


def _rate_before() -> float:
    """Return how many a second end once it is under way."""
    end = time.monotonic() + PATIENCE_SECONDS
    while _done() < AT_ONCE and time.monotonic() < end:
        time.sleep(0.2)
    began, before = time.perf_counter(), _done()
    time.sleep(BEFORE_SECONDS)
    return (_done() - before) / (time.perf_counter() - began)


def _seconds_until(full: float, killed: float) -> float:
    """Return the seconds from the kill to the beginning of the first span in which the rate is full again."""
    seen: list[tuple[float, int]] = [(time.perf_counter(), _done())]
    while time.perf_counter() - killed < PATIENCE_SECONDS:
        time.sleep(0.25)
        now = time.perf_counter()
        seen.append((now, _done()))
        first = next((one for one in seen if now - one[0] <= WINDOW_SECONDS + 0.3), seen[0])
        if now - first[0] >= WINDOW_SECONDS and (seen[-1][1] - first[1]) / (now - first[0]) >= FULL * full:
            return first[0] - killed
    return PATIENCE_SECONDS


@dataclass(frozen=True)
class Doings:
    """How often a step was done more than once, by why; `noted` are all that were done."""

    outlived: int
    after_commit: int
    uncommitted: int
    noted: int


def doings(lines: Sequence[tuple[str, ...]], committed: Mapping[str, int]) -> Doings:
    """Judge what steps noted, in order: (operation, step, fence, attempt, begins or done), by the fence that each ended with."""
    newest, done = dict[str, int](), Counter[str]()
    outlived = after_commit = 0
    for operation, _, fence, _, what in lines:
        number, ended = int(fence), committed.get(operation)
        if what == "done":
            done[operation] += 1
            outlived += number < newest.get(operation, number)
            after_commit += ended is not None and number > ended
        newest[operation] = max(number, newest.get(operation, number))
    again = sum(count - 1 for count in done.values())
    return Doings(outlived, after_commit, max(0, again - outlived - after_commit), sum(done.values()))


def _committed() -> dict[str, int]:
    """Return the fence under which each upgrade's step was written down as done."""
    from provisioner.operations.models import OperationAttempt

    rows = OperationAttempt.objects.filter(step="upgrade", outcome="done").order_by("-id")
    return {str(operation): fence for operation, fence in rows.values_list("operation_id", "fence")}


def _ordered_twice() -> int:
    """Return how many runtimes were ordered more than one upgrade, or bear one that no target knows."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM (
                SELECT o.runtime_id FROM operations_operation o LEFT JOIN rollouts_target t ON t.operation_id = o.id
                WHERE o.kind = 'upgrade' GROUP BY 1 HAVING count(*) > 1 OR count(t.id) <> 1) doubled"""
        )
        found: int = cursor.fetchone()[0]
    return found


if __name__ == "__main__":
    main()
