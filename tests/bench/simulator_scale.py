"""How the simulator holds 10,000 Shoots: the most memory that it takes; in the detail lists, watches, idle cost, a restart.

It holds only when all watches have seen everything and nothing was lost over a kill -9.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.bench.apart import measured_apart
from tests.plugins.simulator import Simulator, a_shoot

NAMES = ("simulator_memory",)
GOAL_MIB = 2048
COUNT = 10_000
SHOOTS = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-nesoi/shoots"
WATCHES = 5
WRITERS = 32
LIMIT = 500


def run() -> list[dict[str, Any]]:
    """Measure in a process of its own."""
    return measured_apart("tests.bench.simulator_scale", seconds=1200)


def shoot(index: int) -> dict[str, Any]:
    """Return a Shoot like the ones the Gardener driver makes."""
    name = f"c{index:07d}"
    zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    pool = {"machine": {"type": "m6i.large"}, "minimum": 3, "maximum": 9, "zones": zones}
    pool |= {"name": "main", "volume": {"type": "gp3", "size": "50Gi"}, "labels": {"pool": "main"}}
    document = a_shoot(name, provider={"type": "aws", "workers": [pool]}, kubernetes={"version": "1.34"})
    document["metadata"]["labels"] = {"nesoi.io/runtime": name}
    return document


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return float(psutil.Process(pid).memory_info().rss / 2**20)


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


class Figures(dict[str, float]):
    """What was measured, by name; each is told on stderr as it comes."""

    def say(self, name: str, value: float, unit: str) -> None:
        """Keep one figure."""
        self[name] = round(value, 2)
        print(f"{name:34} {value:12.2f} {unit}", file=sys.stderr, flush=True)


async def watch(session: aiohttp.ClientSession, seen: list[int]) -> None:
    """Count the events of one watch."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(SHOOTS, params={"watch": "1", "resourceVersion": "0"}, timeout=timeout) as answer:
        async for chunk in answer.content.iter_any():
            seen[0] += chunk.count(b"\n")


async def create_all(session: aiohttp.ClientSession, count: int) -> None:
    """Create every Shoot, many at a time."""
    numbers = iter(range(count))

    async def writer() -> None:
        for index in numbers:
            async with session.post(SHOOTS, data=json.dumps(shoot(index))) as answer:
                assert answer.status == 201, await answer.text()

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def list_pages(session: aiohttp.ClientSession, limit: int) -> int:
    """Read the whole list; returns how many bytes it had."""
    total, token = 0, ""
    while True:
        async with session.get(SHOOTS, params={"limit": str(limit), "continue": token}) as answer:
            body = await answer.read()
        total += len(body)
        token = json.loads(body)["metadata"].get("continue", "")
        if not token:
            return total


async def settle(simulator: Simulator) -> None:
    """Wait until no Shoot moves."""
    while simulator.stats()["shoots_moving"]:
        await asyncio.sleep(0.5)


async def measure(simulator: Simulator, count: int, say: Callable[[str, float, str], None]) -> None:
    """Run the whole measurement."""
    headers = {"Authorization": f"Bearer {simulator.admin_token}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=simulator.ca), limit=100)
    async with aiohttp.ClientSession(simulator.url, headers=headers, connector=connector) as session:
        say("rss_empty", rss_mib(simulator.pid), "MiB")
        seen = [[0] for _ in range(WATCHES)]
        watches = [asyncio.create_task(watch(session, each)) for each in seen]
        begun = time.monotonic()
        await create_all(session, count)
        say("creates", count / (time.monotonic() - begun), "per second")
        await settle(simulator)
        took = time.monotonic() - begun
        say("all_built_after", took, "s")
        say("watch_events_all_watches", sum(each[0] for each in seen) / took, "per second")
        await asyncio.sleep(1)
        say("events_seen_spread", max(e[0] for e in seen) - min(e[0] for e in seen), "events between watches")
        say("events_per_shoot", seen[0][0] / count, "")
        say("rss_built", rss_mib(simulator.pid), "MiB")
        begun = time.monotonic()
        size = await list_pages(session, 0)
        say("full_list", time.monotonic() - begun, "s")
        say("full_list_size", size / 2**20, "MiB")
        begun = time.monotonic()
        await list_pages(session, LIMIT)
        say("list_in_pages", time.monotonic() - begun, "s")
        say("rss_after_lists", rss_mib(simulator.pid), "MiB")
        before = cpu_seconds(simulator.pid)
        await asyncio.sleep(10)
        say("idle_cpu", (cpu_seconds(simulator.pid) - before) * 10, "% of one core")
        for each in watches:
            each.cancel()


def main() -> None:
    """Measure with durable state, as the embedded stack runs it; the last line is the entry."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="nesoi-scale-") as folder:
        simulator = Simulator(Path(folder), in_memory=False, speed="1").start()
        try:
            asyncio.run(measure(simulator, COUNT, figures.say))
            begun = time.monotonic()
            simulator.kill()
            simulator.start()
            figures.say("restart_after_kill", time.monotonic() - begun, "s")
            figures.say("rss_after_restart", rss_mib(simulator.pid), "MiB")
            figures.say("shoots_after_restart", simulator.stats()["shoots"], "")
        finally:
            simulator.stop()
    most = max(value for name, value in figures.items() if name.startswith("rss_"))
    whole = figures["events_seen_spread"] == 0 and figures["shoots_after_restart"] == COUNT
    entry = {
        "name": "simulator_memory",
        "value": most,
        "unit": "MiB",
        "goal": GOAL_MIB,
        "at": "most",
        "holds": most <= GOAL_MIB and whole,
        "detail": {"shoots": COUNT, **figures},
    }
    print(json.dumps([entry]))


if __name__ == "__main__":
    main()
