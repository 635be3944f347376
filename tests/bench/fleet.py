"""How the whole stack bears a fleet: 1,000 runtimes at once, and the cost of standing still with 10,000.

Both run against a stack of their own, with the simulator as landscape; every figure is a ratio of one run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from tests.plugins.stack import ROOT, Stack

NAMES = ("provision_1000_ratio", "idle_growth")

FLEET = 1_000
BUILD_SECONDS = 10
ORDERING_CLIENTS = 4
GOAL_PROVISION = 2.0
GOAL_IDLE = 1.5
SMALL, LARGE = 100, 10_000
IDLE_SECONDS = 30.0

# Runs inside the stack's own environment: the same driver, the same client, one create after the other.
BARE_CREATES = """
import json, sys, time
import django
django.setup()
from dataclasses import replace
from provisioner.drivers.base import LandscapeAccess
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import cluster_from_json
row = Landscape.objects.get()
driver = connect(kind=row.kind, access=LandscapeAccess(row.key, row.config, row.credentials_path))
spec = cluster_from_json(Runtime.objects.latest("id").cluster_spec)
owner = dict(spec.labels)
began = time.perf_counter()
for number in range(int(sys.argv[1])):
    driver.ensure(replace(spec, name=f"bare-{number:04d}", labels={**owner, "nesoi.dev/runtime": f"bare-{number}"}))
print(json.dumps(time.perf_counter() - began))
"""


def run() -> list[dict[str, Any]]:
    """Return the entries `provision_1000_ratio` and `idle_growth`."""
    return [*provision(), *idle()]


def provision() -> list[dict[str, Any]]:
    """1,000 runtimes ordered over the REST API: wall clock ÷ (build time + 1,000 bare creates)."""
    stack = Stack(BUILD_SECONDS=str(BUILD_SECONDS), LOG_LEVEL="WARNING")
    try:
        stack.start()
        raise_quota(stack)
        stack.wait_closed([stack.order("warm-up")])
        bare = in_stack(stack, BARE_CREATES, str(FLEET))
        memory = MemoryWatch(stack)
        began = time.perf_counter()
        with ThreadPoolExecutor(ORDERING_CLIENTS) as clients:
            list(clients.map(lambda number: stack.order(f"fleet-{number}"), range(FLEET)))
        ordered = time.perf_counter() - began
        stack.eventually(lambda: memory.note(count_ready(stack)) >= FLEET + 1, seconds=300)
        wall = time.perf_counter() - began
        ratio = wall / (BUILD_SECONDS + bare)
        growth = memory.growth(200, FLEET)
        return [
            {
                "name": "provision_1000_ratio",
                "value": round(ratio, 3),
                "unit": "ratio",
                "goal": GOAL_PROVISION,
                "at": "most",
                "holds": ratio <= GOAL_PROVISION and growth <= 1.1,
                "detail": {
                    "wall_seconds": round(wall, 1),
                    "ordering_seconds": round(ordered, 1),
                    "bare_creates_seconds": round(bare, 1),
                    "build_seconds": BUILD_SECONDS,
                    "worker_memory_growth_200_to_1000": round(growth, 3),
                },
            }
        ]
    finally:
        stack.stop()


def idle() -> list[dict[str, Any]]:
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
                "goal": GOAL_IDLE,
                "at": "most",
                "holds": growth <= GOAL_IDLE,
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


def raise_quota(stack: Stack) -> None:
    """The demo's tenants are small; the benchmark's is not."""
    in_stack(
        stack,
        "import django; django.setup()\n"
        "from controlplane.tenants.models import Tenant\n"
        "print(Tenant.objects.update(runtime_quota=1_000_000))",
    )


def fill(stack: Stack, count: int) -> None:
    """Bring the fleet to `count` ready runtimes through the REST API."""
    present = count_ready(stack)
    with ThreadPoolExecutor(ORDERING_CLIENTS) as clients:
        list(clients.map(lambda number: stack.order(f"idle-{number}"), range(present, count)))
    stack.eventually(lambda: count_ready(stack) >= count, seconds=1800)
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


def count_ready(stack: Stack) -> int:
    """How many runtimes are ready, asked of the database."""
    return int(in_database(stack, "SELECT count(*) FROM runtimes_runtime WHERE phase = 'ready'"))


def statements(stack: Stack) -> int:
    """Transactions so far: outside a transaction each statement is one."""
    return int(in_database(stack, "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database"))


def in_database(stack: Stack, query: str) -> Any:
    """One value from the stack's own PostgreSQL."""
    import psycopg

    with psycopg.connect(stack_environment(stack)["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def stack_environment(stack: Stack) -> dict[str, str]:
    """The environment that the stack gave its worker."""
    pid = stack.pid("worker")
    return psutil.Process(pid).environ() if pid else {}


def in_stack(stack: Stack, program: str, *arguments: str) -> Any:
    """Run a program with the stack's settings, and return the JSON of its last line."""
    environment = {**stack_environment(stack), "DJANGO_SETTINGS_MODULE": "controlplane.config.settings"}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


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


class MemoryWatch:
    """The worker's memory as the fleet grows."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._seen: list[tuple[int, int]] = []

    def note(self, ready: int) -> int:
        """Remember the worker's memory at this many ready runtimes."""
        pid = self._stack.pid("worker")
        if pid is not None:
            worker = psutil.Process(pid)
            family = [worker, *worker.children(recursive=True)]
            self._seen.append((ready, sum(one.memory_info().rss for one in family)))
        return ready

    def growth(self, low: int, high: int) -> float:
        """Memory at the end ÷ memory when `low` were ready (the first sight at or above it)."""
        start = next((memory for ready, memory in self._seen if ready >= low), self._seen[-1][1])
        return self._seen[-1][1] / start
