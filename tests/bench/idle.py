"""The cost of standing still: a settled fleet of 10,000 against one of 100, on the same stack."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from tests.bench.fleet import ORDERING_CLIENTS, count_ready, in_database, raise_quota
from tests.plugins.stack import Stack

NAMES = ("idle_growth",)
GOAL = 1.5
SMALL, LARGE = 100, 10_000
IDLE_SECONDS = 30.0


def run() -> list[dict[str, Any]]:
    """Queries and CPU per second of a settled fleet: 10,000 runtimes ÷ 100."""
    stack = Stack(BUILD_SECONDS="1", LOG_LEVEL="WARNING")
    try:
        stack.start()
        raise_quota(stack)
        fill(stack, SMALL)
        small = standing_cost(stack)
        fill(stack, LARGE)
        large = standing_cost(stack)
        queries = large["queries_per_second"] / small["queries_per_second"]
        cpu = large["cpu"] / small["cpu"]
        growth = max(queries, cpu)
        return [
            {
                "name": "idle_growth",
                "value": round(growth, 3),
                "unit": "ratio",
                "goal": GOAL,
                "at": "most",
                "holds": growth <= GOAL,
                "detail": {
                    "queries_growth": round(queries, 3),
                    "cpu_growth": round(cpu, 3),
                    str(SMALL): small,
                    str(LARGE): large,
                },
            }
        ]
    finally:
        stack.stop()


def fill(stack: Stack, count: int) -> None:
    """Bring the fleet to `count` ready runtimes through the REST API."""
    present = count_ready(stack)
    with ThreadPoolExecutor(ORDERING_CLIENTS) as clients:
        list(clients.map(lambda number: stack.order(f"idle-{number}"), range(present, count)))
    stack.eventually(lambda: count_ready(stack) >= count, seconds=1800, every=2.0)
    time.sleep(5)


def standing_cost(stack: Stack) -> dict[str, float]:
    """Statements and CPU seconds per second over half a minute in which nobody asks for anything."""
    processes = every_process(stack)
    before, queries = cpu_seconds(processes), statements(stack)
    began = time.perf_counter()
    time.sleep(IDLE_SECONDS)
    elapsed = time.perf_counter() - began
    return {
        "queries_per_second": round((statements(stack) - queries) / elapsed, 2),
        "cpu": round((cpu_seconds(processes) - before) / elapsed, 4),
        "rss_mib": round(sum(one.memory_info().rss for one in processes if one.is_running()) / 2**20),
    }


def statements(stack: Stack) -> int:
    """Transactions so far: outside a transaction each statement is one."""
    return int(in_database(stack, "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database"))


def every_process(stack: Stack) -> list[psutil.Process]:
    """The supervisor and all below it."""
    assert stack.process is not None
    root = psutil.Process(stack.process.pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU time that these processes have used."""
    used = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system
    return used
