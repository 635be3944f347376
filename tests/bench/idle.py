"""The cost of standing still: a settled fleet of 10,000 against one of 100, on the same stack.

What is compared is what nobody asked for: web servers, workers, beat, observer, broker and database while no request comes. The
looks for findings that are due meanwhile, one a day in each runtime, are among it; looks at modules are not, for the copies have
none. The collector stands aside: it reads each runtime once in a slot, so its work grows with the fleet by what it is for, and
`collect_ratio` says what that costs. The landscape (the simulator) and the stack's supervisor are told and not counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from tests.bench.filling import cpu_seconds, fill, order_first, stopped, written_since
from tests.bench.fleet import as_superuser, in_database, raise_quota
from tests.plugins.stack import Stack

NAMES = ("idle_growth",)
GOAL = 1.5
SMALL, LARGE = 100, 10_000
IDLE_SECONDS = 120.0  # whole minutes: what beats once a minute beats as often in each; the observer begins its watch anew
COUNTED_SECONDS = 60.0
NOT_OURS = ("nesoi", "simulator", "collector")


def run() -> list[dict[str, Any]]:
    """Queries and processor time per second of a settled fleet: 10,000 runtimes ÷ 100."""
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
    still = not any(one["runtimes_written"] or one["restless"] or one["restarted"] for one in (small, large))
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
                "counted": "web, worker, beat, observer, valkey, postgres; reading usage is `collect_ratio`'s",
                "queries_counted_by": "PostgreSQL's log",
                str(SMALL): small,
                str(LARGE): large,
            },
        }
    ]


def standing_cost(stack: Stack, model: dict[str, Any], count: int) -> dict[str, Any]:
    """Processor time and statements per second while nobody asks for anything; counting statements costs, so it comes last."""
    began = time.perf_counter()
    with stopped(stack, "collector"):
        restless = fill(stack, model, count)
        filling = time.perf_counter() - began
        moment = str(in_database(stack, "SELECT now()"))
        rest = used_in(stack, IDLE_SECONDS)
        queries = queries_per_second(stack)
        written = written_since(stack, moment)
    ours = {name: share for name, share in rest.shares.items() if name not in NOT_OURS}
    return {
        "queries_per_second": round(queries, 2),
        "cpu": round(sum(ours.values()), 4),
        "cpu_of": {name: round(share, 4) for name, share in rest.shares.items()},
        "rss_mib": memory(stack),
        "runtimes_written": written,
        "restless": restless,
        "restarted": rest.restarted,
        "filling_seconds": round(filling, 1),
    }


@dataclass(frozen=True)
class Used:
    """Processors that each service kept busy in a while, and those that were started anew meanwhile."""

    shares: Mapping[str, float]
    restarted: list[str]


def used_in(stack: Stack, seconds: float) -> Used:
    """Look twice; of a service that was started anew, what it has used since counts."""
    before, began = cpu_by_service(stack), time.perf_counter()
    time.sleep(seconds)
    after, elapsed = cpu_by_service(stack), time.perf_counter() - began
    anew = [name for name, (pid, _) in after.items() if name not in before or before[name][0] != pid]
    shares = {
        name: (used - (0.0 if name in anew else before[name][1])) / elapsed
        for name, (_, used) in after.items()
    }
    return Used(shares, sorted({*anew, *(before.keys() - after.keys())}))


def queries_per_second(stack: Stack) -> float:
    """Let PostgreSQL log every statement for a while, and count them."""
    log = stack.state / "stack.log"
    with as_superuser(stack) as link:
        link.execute("ALTER SYSTEM SET log_statement = 'all'")
        link.execute("SELECT pg_reload_conf()")
        time.sleep(1)
        before = log.stat().st_size
        time.sleep(COUNTED_SECONDS)
        said = log.read_bytes()[before:].decode(errors="replace")
        link.execute("ALTER SYSTEM RESET log_statement")
        link.execute("SELECT pg_reload_conf()")
    return len(re.findall(r"LOG:  (?:statement|execute)", said)) / COUNTED_SECONDS


def cpu_by_service(stack: Stack) -> dict[str, tuple[int, float]]:
    """Process and CPU seconds of each service with its children, those that ended too, and the supervisor as `nesoi`.

    One that is away just now, because the supervisor starts it anew, is left out.
    """
    assert stack.process is not None
    supervisor = stack.process.pid
    used = {"nesoi": (supervisor, cpu_seconds(psutil.Process(supervisor)))}
    for child in stack.record["children"]:
        try:
            root = psutil.Process(child["pid"])
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        used[child["name"]] = (root.pid, sum(cpu_seconds(one, ended=True) for one in family))
    return used


def memory(stack: Stack) -> int:
    """MiB that the supervisor and all below it hold."""
    assert stack.process is not None
    root = psutil.Process(stack.process.pid)
    held = 0
    for process in (root, *root.children(recursive=True)):
        try:
            held += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return round(held / 2**20)
