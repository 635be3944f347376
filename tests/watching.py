"""What the observer's tests share: runtimes as rows, clusters that are theirs, sights of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event as Flag
from threading import Thread
from typing import Any

from controlplane.kernel.ids import short_name
from provisioner.drivers.base import (
    ClusterRef,
    Driver,
    Event,
    EventType,
    LandscapeAccess,
    Observed,
    Situation,
)
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from provisioner.observer.session import Session
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import ClusterSpec, WorkerPool
from tests.world import World

POOL = WorkerPool("sys", "m6i.large", 1, 2, ("eu-central-1a",), system=True)


def runtime(world: World, landscape: Landscape, **fields: Any) -> Runtime:
    """A runtime of Archipel's shop as a row, without an operation."""
    name = short_name(8)
    wish = {
        "name": name,
        "cluster_name": name,
        "region": "eu-central-1",
        "created_by": "alice",
        "plan_id": "aws",
    }
    made: Runtime = Runtime.objects.create(
        tenant=world.archipel, account=world.shop, landscape=landscape, **{**wish, **fields}
    )
    return made


def cluster_of(row: Runtime, **changes: Any) -> ClusterSpec:
    """What a landscape is asked to build for the row."""
    cluster = ClusterSpec(
        name=row.cluster_name,
        provider="aws",
        region="eu-central-1",
        kubernetes_version="1.34",
        pools=(POOL,),
        labels={"nesoi.dev/runtime": str(row.pk)},
        annotations={"nesoi.dev/generation": "1"},
    )
    return replace(cluster, **changes)


def driver_of(landscape: Landscape) -> Driver:
    """The landscape's driver."""
    return connect(
        kind=landscape.kind,
        access=LandscapeAccess(landscape.key, landscape.config, landscape.credentials_path),
    )


def sight(row: Runtime, version: int, **changes: Any) -> Event:
    """The landscape tells how the row's cluster stands."""
    fields = {
        "situation": Situation.READY,
        "owner": {"runtime": str(row.pk)},
        "version": str(version),
        **changes,
    }
    return Event(EventType.SEEN, str(version), Observed(name=row.cluster_name, **fields))


def gone(row: Runtime, version: int) -> Event:
    """The landscape tells that the row's cluster is no more."""
    return replace(sight(row, version, situation=Situation.ABSENT), type=EventType.GONE)


@contextmanager
def observing(landscape: Landscape) -> Iterator[Flag]:
    """An observer of the landscape in a thread of its own."""
    stop = Flag()
    thread = Thread(target=Session(landscape.pk, landscape.key, stop).run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Look until the condition holds, and return what it says."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return found


def situation(row: Runtime) -> str:
    """What the observer last wrote."""
    row.refresh_from_db()
    return str(row.status.get("situation", ""))


def remove(driver: Driver, row: Runtime) -> None:
    """Take the row's cluster away."""
    until(
        lambda: driver.ensure_absent(ClusterRef(row.cluster_name, str(row.pk))).situation is Situation.ABSENT
    )
