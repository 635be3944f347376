"""What turns wishes inside clusters into running things: one heap of clusters that have something to do."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
from collections.abc import Iterable

from provisioner.simulator.cluster import batch, daemons, pods, services, workloads
from provisioner.simulator.cluster.pods import Clock
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.history import Event
from provisioner.simulator.settings import Settings
from provisioner.simulator.store import Collection

# What each part of the controllers looks at: only changes of these give it something to do.
WORKLOADS = frozenset({"deployments", "replicasets", "statefulsets", "pods"})
DAEMONS = frozenset({"daemonsets", "nodes", "pods"})
JOBS = frozenset({"jobs", "pods"})
PODS = frozenset({"pods", "nodes"})
SERVICES = frozenset(
    {"services", "persistentvolumeclaims", "volumesnapshots", "customresourcedefinitions", "nodes"}
)
WATCHED = WORKLOADS | DAEMONS | JOBS | PODS | SERVICES
ROUNDS = 8  # of one look: what a controller changes is another's business at once
# What is applied object by object is mostly there by then: one look, not one each.
DEBOUNCE_SECONDS = 0.5
log = logging.getLogger(__name__)


class Controllers:
    """Runs the controllers of every cluster that changed or has a pod on its way."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._heap: list[tuple[float, int, Endpoint]] = []
        # By the endpoint itself, not its identity: one that was forgotten and woken again is looked at on its own account.
        self._due: dict[int, float] = {}
        self._turn = itertools.count()
        self._moved = asyncio.Event()
        self._at_work: Endpoint | None = None

    def notice(self, endpoint: Endpoint, collection: Collection, _event: Event) -> None:
        """Hear of a change inside a cluster; our own are seen to in the same look."""
        if collection.plural in WATCHED:
            endpoint.touched.add(collection.plural)
            if endpoint is not self._at_work:
                self.poke(endpoint)

    def poke(
        self, endpoint: Endpoint, seconds: float = DEBOUNCE_SECONDS, *, touched: Iterable[str] = ()
    ) -> None:
        """Have a cluster looked at soon, as if these kinds had changed."""
        endpoint.touched.update(touched)
        due = asyncio.get_running_loop().time() + min(seconds, max(seconds / self.settings.speed, 0.01))
        if self._due.get(id(endpoint), math.inf) <= due:
            return
        self._due[id(endpoint)] = due
        heapq.heappush(self._heap, (due, next(self._turn), endpoint))
        self._moved.set()

    def busy(self, endpoint: Endpoint) -> bool:
        """Say whether a cluster has something to do."""
        return id(endpoint) in self._due

    def forget(self, endpoint: Endpoint) -> None:
        """Drop what is known of a cluster that is gone."""
        self._due.pop(id(endpoint), None)

    async def run(self) -> None:
        """Look at clusters when they are due, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            self._moved.clear()
            while self._heap and self._heap[0][0] <= loop.time():
                due, _, endpoint = heapq.heappop(self._heap)
                if self._due.get(id(endpoint)) == due:
                    del self._due[id(endpoint)]
                    self._reconcile(endpoint)
                    await asyncio.sleep(0)
            rest = self._heap[0][0] - loop.time() if self._heap else None
            try:
                await asyncio.wait_for(self._moved.wait(), rest)
            except TimeoutError:
                continue

    def _reconcile(self, endpoint: Endpoint) -> None:
        clock = Clock(self.settings.speed, asyncio.get_running_loop().time(), endpoint.pods_due)
        self._at_work = endpoint
        try:
            for _ in range(ROUNDS):
                touched, endpoint.touched = endpoint.touched, set()
                if not self._round(endpoint, touched, clock):
                    break
        except (KeyError, TypeError, ValueError, AttributeError):
            # A malformed object must not stop the other clusters; it stays as it is until somebody mends it.
            log.exception("the controllers of %s stumbled", endpoint.name)
            endpoint.touched.clear()
            return
        finally:
            self._at_work = None
        if endpoint.touched:
            self.poke(endpoint)
        elif clock.due:
            self.poke(endpoint, max(min(clock.due.values()) - clock.now, 0.0) * self.settings.speed)

    def _round(self, endpoint: Endpoint, touched: set[str], clock: Clock) -> bool:
        """Let each part look that has something to see; False when there was nothing for any."""
        due = any(at <= clock.now for at in clock.due.values())
        if touched & WORKLOADS:
            workloads.reconcile(endpoint)
        if touched & DAEMONS:
            daemons.reconcile(endpoint)
        if touched & JOBS:
            batch.reconcile(endpoint)
        if touched & PODS or due:
            pods.reconcile(endpoint, clock)
        if touched & SERVICES:
            services.reconcile(endpoint)
        return bool(touched) or due
