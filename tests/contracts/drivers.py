"""What the driver's contract needs of a kind of landscape: a place to try it in, a cluster to ask for, and trouble to make."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from controlplane.kernel.ids import short_name, uuid7
from provisioner.drivers.base import ClusterRef, Driver, LandscapeAccess, Observed, Situation
from provisioner.drivers.registry import connect
from provisioner.runtimes.spec import ClusterSpec, WorkerPool
from tests.plugins.simulator import Simulator


@dataclass
class Ground:
    """A landscape to try a driver in; `simulator` makes trouble, where the landscape can."""

    kind: str
    access: LandscapeAccess
    simulator: Simulator | None = None
    made: list[ClusterSpec] = field(default_factory=list)

    @property
    def driver(self) -> Driver:
        """The driver, as everybody gets it."""
        return connect(kind=self.kind, access=self.access)

    def trouble(self) -> Simulator:
        """The simulator; skips the test in a landscape that makes no trouble and mints no credentials."""
        if self.simulator is None:
            pytest.skip("only the simulator can do this on demand")
        return self.simulator

    def impatient(self, seconds: float) -> Driver:
        """The same driver with another timeout."""
        return connect(
            kind=self.kind,
            access=replace(self.access, key=f"{self.access.key}-{seconds}", timeout_seconds=seconds),
        )

    def wish(self, **changes: Any) -> ClusterSpec:
        """A small cluster with an owner of its own."""
        runtime = str(uuid7())
        pool = WorkerPool("sys", "m6i.large", 1, 2, ("eu-central-1a",), system=True, volume_gib=50)
        cluster = ClusterSpec(
            name=short_name(8),
            provider="aws",
            region="eu-central-1",
            kubernetes_version="1.34",
            pools=(pool,),
            labels={"nesoi.dev/runtime": runtime, "nesoi.dev/tenant": "archipel"},
            annotations={"nesoi.dev/generation": "1"},
        )
        cluster = replace(cluster, **changes)
        self.made.append(cluster)
        return cluster

    def ready(self, cluster: ClusterSpec) -> Observed:
        """Ask for the cluster and wait until it stands."""
        self.driver.ensure(cluster)
        return self.until(cluster, lambda seen: seen.situation is Situation.READY)

    def until(
        self, cluster: ClusterSpec, wanted: Callable[[Observed], bool], seconds: float = 20.0
    ) -> Observed:
        """Look until what is seen is wanted."""
        deadline = time.monotonic() + seconds
        while not wanted(seen := self.driver.observe(ref(cluster))):
            assert time.monotonic() < deadline, f"still {seen}"
            time.sleep(0.02)
        return seen

    def remove(self, cluster: ClusterSpec) -> None:
        """Ask for removal until nothing is left."""
        deadline = time.monotonic() + 20.0
        while self.driver.ensure_absent(ref(cluster)).situation is not Situation.ABSENT:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def ref(cluster: ClusterSpec) -> ClusterRef:
    """How steps name the cluster."""
    return ClusterRef(cluster.name, owner=cluster.labels["nesoi.dev/runtime"])


def later(cluster: ClusterSpec, **changes: Any) -> ClusterSpec:
    """The next wish for the same cluster."""
    generation = int(cluster.annotations["nesoi.dev/generation"]) + 1
    return replace(
        cluster, annotations={**cluster.annotations, "nesoi.dev/generation": str(generation)}, **changes
    )
