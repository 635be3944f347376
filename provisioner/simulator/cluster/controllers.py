"""What turns wishes inside clusters into running things: one heap of clusters that have something to do."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math

from provisioner.simulator.cluster import batch, daemons, pods, services, workloads
from provisioner.simulator.cluster.pods import Clock
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.history import Event
from provisioner.simulator.settings import Settings
from provisioner.simulator.store import Collection

WATCHED = frozenset(
    [
        "pods",
        "nodes",
        "services",
        "persistentvolumeclaims",
        "volumesnapshots",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "customresourcedefinitions",
    ]
)
DEBOUNCE_SECONDS = 0.3
log = logging.getLogger(__name__)


class Controllers:
    """Runs the controllers of every cluster that changed or has a pod on its way."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._heap: list[tuple[float, int, Endpoint]] = []
        # By the endpoint itself, not its identity: one that was forgotten and woken again is looked at on its own account.
        self._due: dict[int, float] = {}
        self._turn = itertools.count()
        self._clocks: dict[str, Clock] = {}
        self._moved = asyncio.Event()

    def notice(self, endpoint: Endpoint, collection: Collection, _event: Event) -> None:
        """Hear of a change inside a cluster."""
        if collection.plural in WATCHED:
            self.poke(endpoint)

    def poke(self, endpoint: Endpoint, seconds: float = DEBOUNCE_SECONDS) -> None:
        """Have a cluster looked at soon."""
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
        self._clocks.pop(endpoint.identity, None)

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
        clock = self._clocks.setdefault(endpoint.identity, Clock(speed=self.settings.speed))
        clock.speed, clock.now = self.settings.speed, asyncio.get_running_loop().time()
        try:
            workloads.reconcile(endpoint)
            daemons.reconcile(endpoint)
            batch.reconcile(endpoint)
            rest = pods.reconcile(endpoint, clock)
            services.reconcile(endpoint)
        except (KeyError, TypeError, ValueError, AttributeError):
            # A malformed object must not stop the other clusters; it stays as it is until somebody mends it.
            log.exception("the controllers of %s stumbled", endpoint.name)
            return
        if rest is not None:
            self.poke(endpoint, rest * self.settings.speed)
