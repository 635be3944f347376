"""The cost of standing still: a settled fleet of 10,000 against one of 100, on the same stack."""

from __future__ import annotations

import re
import time
from typing import Any

import psutil
import psycopg

from controlplane.embedded.places import choose_places
from tests.bench.filling import fill, order_first, written_since
from tests.bench.fleet import in_database, raise_quota
from tests.plugins.stack import Stack

NAMES = ("idle_growth",)
GOAL = 1.5
SMALL, LARGE = 100, 10_000
IDLE_SECONDS = 60.0  # the observer begins its watch anew about once in this time
COUNTED_SECONDS = 15.0


def run() -> list[dict[str, Any]]:
    """Queries and CPU per second of a settled fleet: 10,000 runtimes ÷ 100."""
    stack = Stack(BUILD_SECONDS="1", LOG_LEVEL="WARNING")
    try:
        stack.start()
        raise_quota(stack)
        model = order_first(stack)
        small = standing_cost(stack, model, SMALL)
        large = standing_cost(stack, model, LARGE)
    finally:
        stack.remove()
    queries = large["queries_per_second"] / small["queries_per_second"]
    cpu = large["cpu"] / small["cpu"]
    growth = max(queries, cpu)
    still = not (small["runtimes_written"] or large["runtimes_written"])
    return [
        {
            "name": "idle_growth",
            "value": round(growth, 3),
            "unit": "ratio",
            "goal": GOAL,
            "at": "most",
            "holds": growth <= GOAL and still,
            "detail": {
                "queries_growth": round(queries, 3),
                "cpu_growth": round(cpu, 3),
                "filled": "one runtime ordered over the API, its rows copied for the others, their Shoots created anew",
                "queries_counted_by": "PostgreSQL's log",
                str(SMALL): small,
                str(LARGE): large,
            },
        }
    ]


def standing_cost(stack: Stack, model: dict[str, Any], count: int) -> dict[str, Any]:
    """CPU seconds and statements per second while nobody asks for anything; counting statements costs, so it comes last."""
    began = time.perf_counter()
    fill(stack, model, count)
    filled = time.perf_counter()
    processes, moment = every_process(stack), str(in_database(stack, "SELECT now()"))
    before = cpu_by_service(stack)
    time.sleep(IDLE_SECONDS)
    elapsed = time.perf_counter() - filled
    used = {name: (cpu - before[name]) / elapsed for name, cpu in cpu_by_service(stack).items()}
    return {
        "queries_per_second": round(queries_per_second(stack), 2),
        "cpu": round(sum(used.values()), 4),
        "cpu_of": {name: round(cpu, 4) for name, cpu in used.items()},
        "rss_mib": round(sum(one.memory_info().rss for one in processes if one.is_running()) / 2**20),
        "runtimes_written": written_since(stack, moment),
        "filling_seconds": round(filled - began, 1),
    }


def queries_per_second(stack: Stack) -> float:
    """Let PostgreSQL log every statement for a while, and count them."""
    log = stack.state / "stack.log"
    with psycopg.connect(
        f"host={choose_places(stack.state).database_sockets} user=postgres dbname=nesoi", autocommit=True
    ) as link:
        link.execute("ALTER SYSTEM SET log_statement = 'all'")
        link.execute("SELECT pg_reload_conf()")
        time.sleep(1)
        before = log.stat().st_size
        time.sleep(COUNTED_SECONDS)
        said = log.read_bytes()[before:].decode(errors="replace")
        link.execute("ALTER SYSTEM RESET log_statement")
        link.execute("SELECT pg_reload_conf()")
    return len(re.findall(r"LOG:  (?:statement|execute)", said)) / COUNTED_SECONDS


def every_process(stack: Stack) -> list[psutil.Process]:
    """The supervisor and all below it."""
    assert stack.process is not None
    root = psutil.Process(stack.process.pid)
    return [root, *root.children(recursive=True)]


def cpu_by_service(stack: Stack) -> dict[str, float]:
    """CPU seconds that each service has used with its children, those that ended too, and the supervisor as `nesoi`."""
    assert stack.process is not None
    used = {"nesoi": cpu_seconds(psutil.Process(stack.process.pid), ended=False)}
    for child in stack.record["children"]:
        root = psutil.Process(child["pid"])
        used[child["name"]] = sum(cpu_seconds(one) for one in (root, *root.children(recursive=True)))
    return used


def cpu_seconds(process: psutil.Process, *, ended: bool = True) -> float:
    """CPU time that a process has used, with that of children whose end it has seen."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    own = float(times.user + times.system)
    return own + float(times.children_user + times.children_system) if ended else own
