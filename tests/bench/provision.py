"""1,000 runtimes at once, against a whole stack with the simulator as landscape.

A runtime is provisioned once it is `ready`: its cluster stands, and its tenant has access. Its modules are installed in the
background; until the last of them has started is in the detail, and so is the worker's memory until then. The landscape builds
each cluster in ten seconds, no more and no less: by itself the simulator would take seven for one and thirteen for another.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, LiteralString

import psutil
import psycopg

from tests.bench.fleet import in_stack, raise_quota, stack_environment
from tests.bench.ordering import order_many
from tests.plugins.stack import Stack

NAMES = ("provision_1000_ratio",)
FLEET = 1_000
BUILD_SECONDS = 10
GOAL = 2.0
PLAIN = 250  # how many of those with no module chosen
PLAIN_PARAMETERS = {"region": "eu-central-1", "modules": {"default": False}}
LOOK_SECONDS = 0.25
READY = "SELECT count(*) FROM runtimes_runtime WHERE phase = 'ready'"
UNDER_WAY = "SELECT count(*) FROM operations_operation WHERE slot IS NOT NULL"
FLAT = 1.1  # the worker's memory from the 200th runtime to the last

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
    """1,000 runtimes ordered over the REST API: wall clock ÷ (build time + 1,000 bare creates)."""
    stack = Stack(BUILD_SECONDS=str(BUILD_SECONDS), LOG_LEVEL="WARNING")
    try:
        stack.start()
        raise_quota(stack)
        stack.simulator("PATCH", "/simulator/v1/settings", {"jitter": 0})
        stack.wait_closed([stack.order("warm-up")])
        bare = in_stack(stack, BARE_CREATES, str(FLEET))
        time.sleep(
            BUILD_SECONDS + 5
        )  # the bare clusters are built meanwhile: their life must not weigh on ours
        memory, before = MemoryWatch(stack), cpu_by_service(stack)
        ordered, wall, ended = bring_up(stack, "fleet", FLEET, memory)
        spent = cpu_by_service(stack)
        ratio = wall / (BUILD_SECONDS + bare)
        growth = memory.growth(200, FLEET)
        _, plain, _ = bring_up(stack, "plain", PLAIN, MemoryWatch(stack), PLAIN_PARAMETERS)
        least = cpu_by_service(stack)
        return [
            {
                "name": "provision_1000_ratio",
                "value": round(ratio, 3),
                "unit": "ratio",
                "goal": GOAL,
                "at": "most",
                "holds": ratio <= GOAL and growth <= FLAT,
                "detail": {
                    "wall_seconds": round(wall, 1),
                    "wall_seconds_with_modules": round(ended, 1),
                    "ratio_with_modules": round(ended / (BUILD_SECONDS + bare), 3),
                    "ordering_seconds": round(ordered, 1),
                    "bare_creates_seconds": round(bare, 1),
                    "build_seconds": BUILD_SECONDS,
                    "cpu_seconds": {
                        name: round(used - before.get(name, 0), 1) for name, used in spent.items()
                    },
                    "cpu_ms_each": each(before, spent, FLEET),
                    # The same road for those who chose no module: only what every runtime must have is installed.
                    "only_mandatory_modules": {
                        "runtimes": PLAIN,
                        "wall_seconds": round(plain, 1),
                        "cpu_ms_each": each(spent, least, PLAIN),
                    },
                    "worker_memory_growth_200_to_1000": round(growth, 3),
                },
            }
        ]
    finally:
        stack.remove()


def bring_up(
    stack: Stack, prefix: str, count: int, memory: MemoryWatch, parameters: dict[str, Any] | None = None
) -> tuple[float, float, float]:
    """Order so many; the seconds until all were ordered, until all were ready, and until nothing was under way any more."""
    changes = {"parameters": parameters} if parameters else {}
    with psycopg.connect(stack_environment(stack)["DATABASE_URL"], autocommit=True) as link:

        def ready() -> int:
            return memory.note(number(link, READY))

        there, began = ready(), time.perf_counter()
        order_many(stack, prefix, count, changes)
        ordered = time.perf_counter() - began
        # Looking costs CPU that the stack wants: over one connection it is a thousandth of a second.
        stack.eventually(lambda: ready() >= there + count, seconds=300, every=LOOK_SECONDS)
        usable = time.perf_counter() - began
        stack.eventually(lambda: bool(ready()) and not number(link, UNDER_WAY), seconds=300, every=1.0)
        return ordered, usable, time.perf_counter() - began


def number(link: psycopg.Connection[Any], query: LiteralString) -> int:
    """What a query counts."""
    row = link.execute(query).fetchone()
    return int(row[0]) if row else 0


def each(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, float]:
    """CPU milliseconds of each service for one of so many runtimes."""
    return {name: round(1000 * (used - before.get(name, 0)) / count, 1) for name, used in after.items()}


def cpu_by_service(stack: Stack) -> dict[str, float]:
    """CPU seconds that each of the stack's services has used, with its children, also those that have ended."""
    used: dict[str, float] = {}
    for child in stack.record["children"]:
        parent = psutil.Process(child["pid"])
        spent = parent.cpu_times()
        used[child["name"]] = spent.user + spent.system + spent.children_user + spent.children_system
        for one in parent.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it ends just now, and counts next time
                spent = one.cpu_times()
                used[child["name"]] += spent.user + spent.system
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
