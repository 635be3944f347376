"""Runtimes with simulated clusters that a collector can read, and a collector to read them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from billing.collecting.process import Process
from provisioner.landscapes.models import Landscape
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import SHOOTS, Simulator, a_shoot
from tests.signed_in import build
from tests.world import World, landscape

PATIENCE_SECONDS = 40.0


def grounded(world: World, simulator: Simulator) -> Landscape:
    """The cast's landscape, which is the simulator."""
    found = landscape(
        "embedded", kubeconfig=simulator.kubeconfig, calls_per_second=1000.0, burst=1000.0, tokens=1000.0
    )
    world.__dict__["landscape"] = found
    return found


@contextmanager
def clusters_removed(simulator: Simulator) -> Iterator[None]:
    """Take away afterwards what clusters a test made: the simulator is shared, and others count what nobody owns."""
    before = _clusters(simulator)
    try:
        yield
    finally:
        simulator.outage(0)
        for name in _clusters(simulator) - before:
            simulator.delete_shoot(name)


def _clusters(simulator: Simulator) -> set[str]:
    return {each["metadata"]["name"] for each in simulator.call("GET", SHOOTS)["items"]}


def runtime_with_cluster(world: World, simulator: Simulator, name: str) -> Runtime:
    """A runtime that is ready, with a cluster of its own in the simulator."""
    row = build(world, name=name)
    cluster = f"m{row.id.hex[-9:]}"
    shoot = a_shoot(cluster)
    shoot["metadata"]["labels"] = {"nesoi.dev/runtime": str(row.id)}
    simulator.call("POST", SHOOTS, shoot)
    simulator.wait_for(cluster, seconds=60)
    status = {
        "situation": "ready",
        "api_endpoint": f"{simulator.url}/clusters/garden-nesoi/{cluster}",
        "hibernated": False,
    }
    Runtime.objects.filter(pk=row.pk).update(cluster_name=cluster, status=status)
    row.refresh_from_db()
    return row


def collect_until(done: Callable[[], bool], *, copies: int = 1) -> list[Process]:
    """Let collectors work until something is so; asserts that it becomes so."""

    async def work() -> list[Process]:
        running = [Process() for _ in range(copies)]
        tasks = [asyncio.create_task(each.run()) for each in running]
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while not await asyncio.to_thread(_asked, done):
                assert time.monotonic() < deadline, "the collectors did not get there"
                assert not any(task.done() for task in tasks), "a collector ended by itself"
                await asyncio.sleep(0.2)
        finally:
            for each in running:
                each.stop()
            await asyncio.gather(*tasks)
        return running

    return asyncio.run(work())


def _asked(done: Callable[[], bool]) -> bool:
    try:
        return done()
    finally:
        connection.close()


def samples(runtime: UUID | None = None) -> list[dict[str, Any]]:
    """What is stored, oldest first, of one runtime or all."""
    query = """
        SELECT u.runtime, s.slot, s.epoch, s.origin, s.workload_used_millicores, s.workload_requested_millicores, h.levels
        FROM usage_sample s JOIN usage_source u ON u.id = s.source JOIN usage_shape h ON h.id = s.shape
        WHERE %(runtime)s::uuid IS NULL OR u.runtime = %(runtime)s ORDER BY s.slot, u.runtime
    """
    with connection.cursor() as cursor:
        cursor.execute(query, {"runtime": runtime})
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [{**each, "levels": json.loads(each["levels"])} for each in found]
