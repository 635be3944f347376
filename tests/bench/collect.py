"""How fast one collector reads runtimes, against a bare asyncio client that makes the very same requests.

Both run in a process of their own with credentials minted before, TLS and client certificates, and one connection a runtime; the
simulator that both ask has the other core. Rounds alternate, and the middle one counts. The processor time that the collector
took says what 10,000 runtimes every five minutes cost. Both look for circles among objects as the collector's process does; its
loop is the process's own, the bare client's is asyncio's.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import uvloop
from yarl import URL

from tests.bench.apart import measured_apart
from tests.plugins.simulator import SHOOTS, Simulator, a_shoot

NAMES = ("collect_ratio",)
GOAL = 0.6
RUNTIMES = 60
ROUNDS = 5
AT_ONCE = 20
FLEET, SLOT_SECONDS = 10_000, 300


def run() -> list[dict[str, Any]]:
    """Measure in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="nesoi-collect-") as folder:
        simulator = Simulator(Path(folder)).start()
        try:
            simulator.settings(fill=0.5)
            for index in range(RUNTIMES):
                simulator.call("POST", SHOOTS, a_shoot(f"r{index:05d}"))
            for index in range(RUNTIMES):
                simulator.wait_for(f"r{index:05d}", seconds=60)
            os.environ["COLLECT_KUBECONFIG"] = str(simulator.kubeconfig)
            return measured_apart("tests.bench.collect", seconds=300)
        finally:
            simulator.stop()


async def bare(accesses: list[Any]) -> None:
    """Make every request of a reading with nothing around it."""
    from billing.collecting.reader import _FIRST, LISTS, METRICS, SNAPSHOTS

    paths = [*LISTS.values(), SNAPSHOTS, METRICS]
    turns = asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=AT_ONCE * 2, keepalive_timeout=5.0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def one(access: Any) -> None:
            async with turns:
                for path in paths:
                    url = URL(access.server + path + _FIRST, encoded=True)
                    async with session.get(url, ssl=access.context) as answer:
                        await answer.read()

        await asyncio.gather(*(one(access) for access in accesses))


class _Known:
    """Ways in that were minted beforehand: what the landscape takes to mint is not the collector's."""

    def __init__(self, accesses: dict[UUID, Any]) -> None:
        self.accesses = accesses

    async def of(self, target: Any, _place: Any) -> Any:
        return self.accesses[target.runtime]

    def forget(self, runtime: UUID) -> None:
        raise AssertionError(f"{runtime} was not let in")


async def collected(accesses: dict[UUID, Any], place: Any) -> None:
    """Let the collector visit each runtime once, down to the samples that it would store."""
    from billing.collecting.collector import Collector, Plan
    from billing.collecting.delivery import Delivery
    from billing.collecting.metrics import Measures
    from billing.collecting.reader import Reader, Timeouts, session_for
    from billing.collecting.targets import Target
    from billing.usage.samples import Ingested

    measures, taken = Measures(), list[Any]()

    def take(batch: Any, _origin: Any) -> Ingested:
        taken.extend(batch)
        return Ingested(len(batch), 0)

    delivery = Delivery(ThreadPoolExecutor(1), measures, take)
    async with session_for(AT_ONCE) as session:
        collector = Collector(
            Plan(concurrency=AT_ONCE, of_one_landscape=AT_ONCE * 2, reads_per_second=1e6, slot=3600),
            credentials=_Known(accesses),  # type: ignore[arg-type]
            reader=Reader(session, Timeouts()),
            delivery=delivery,
            measures=measures,
        )
        collector.work.places = {place.id: place}
        targets = {key: Target(key, place.id, "", "ready", answers=True, asleep=False) for key in accesses}
        collector.match(targets, set())
        # All at once: else the jitter would be measured.
        collector.visits._heap = [
            (0.0, turn, visit) for turn, visit in enumerate(collector.visits._of.values())
        ]
        running = asyncio.create_task(collector.run())
        while delivery.waiting < len(accesses):
            await asyncio.sleep(0.005)
            assert not measures.missed._value.get()
        collector.stop()
        await running
        await delivery.flush()
    assert len(taken) == len(accesses)
    assert all(sample.levels for sample in taken)


def minted() -> dict[UUID, Any]:
    """Return a viewer's way into each cluster."""
    from billing.collecting.credentials import Access
    from billing.collecting.resuming import ResumingContext
    from provisioner.drivers.base import ClusterRef, LandscapeAccess, Role
    from provisioner.drivers.gardener import connect
    from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
    from provisioner.drivers.kube.tls import context_of

    driver = connect(
        LandscapeAccess("bench", {"namespace": "garden-nesoi"}, os.environ["COLLECT_KUBECONFIG"])
    )
    found: dict[UUID, Any] = {}
    for index in range(RUNTIMES):
        kubeconfig = driver.credentials(ClusterRef(f"r{index:05d}"), ttl=timedelta(hours=1), role=Role.VIEW)
        access = parse_kubeconfig(kubeconfig.yaml)
        found[UUID(int=index)] = Access(
            access.server, context_of(access, ResumingContext), access.token, "", time.time() + 3000
        )
    return found


def timed(work: Any, run: Any = asyncio.run) -> tuple[float, float]:
    """Return (seconds, processor seconds of this process) of a coroutine."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    run(work)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print the entries as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    os.environ.setdefault("EMBEDDED", "true")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()
    from billing.collecting.targets import Place
    from controlplane.kernel.collecting import look_seldom
    from provisioner.drivers.base import LandscapeAccess

    place = Place(UUID(int=1), "bench", "gardener", LandscapeAccess("bench", {}, ""), 1e6, 0)
    accesses = minted()
    asyncio.run(bare(list(accesses.values())))  # wakes the clusters
    uvloop.run(collected(accesses, place))
    look_seldom()
    theirs, ours = [], []
    for _ in range(ROUNDS):
        theirs.append(timed(bare(list(accesses.values()))))
        ours.append(timed(collected(accesses, place), uvloop.run))
    bare_rate = RUNTIMES / statistics.median(seconds for seconds, _ in theirs)
    rate = RUNTIMES / statistics.median(seconds for seconds, _ in ours)
    each = statistics.median(cpu for _, cpu in ours) / RUNTIMES
    entry = {
        "name": "collect_ratio",
        "value": round(rate / bare_rate, 3),
        "unit": "of a bare client's runtimes per second",
        "goal": GOAL,
        "at": "least",
        "holds": rate / bare_rate >= GOAL,
        "detail": {
            "runtimes_per_second": round(rate, 1),
            "bare_runtimes_per_second": round(bare_rate, 1),
            "collector_cpu_ms_each": round(each * 1000, 2),
            "bare_cpu_ms_each": round(statistics.median(cpu for _, cpu in theirs) / RUNTIMES * 1000, 2),
            "of_one_core_for_10000_every_5_minutes": round(each * FLEET / SLOT_SECONDS, 3),
            "rounds": ROUNDS,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    sys.stdout.write(json.dumps([entry]) + "\n")


if __name__ == "__main__":
    main()
