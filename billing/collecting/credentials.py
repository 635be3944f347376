"""Short-lived viewers' credentials, minted by the landscape within its budget and breaker, kept in memory only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ssl import SSLError
from uuid import UUID

from django.db import connection

from billing.collecting.failures import ReadError
from billing.collecting.pacing import Bucket
from billing.collecting.resuming import ResumingContext
from billing.collecting.targets import Place, Target
from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.drivers.kube.kubeconfig import ApiAccess, KubeconfigRefusedError, parse_kubeconfig
from provisioner.drivers.kube.tls import context_of
from provisioner.drivers.registry import connect
from provisioner.landscapes import breaker, budget

# Of the landscape's calls, so many are ours at most; and of its burst we leave so much: people's wishes come first. Together they
# let ten thousand be minted within one slot, at fifty calls a second that nobody else wants.
SHARE, LEAVE = 0.9, 0.5
# Renewed within the last part of their life, each at a time of its own.
EARLIEST, LATEST = 0.75, 0.9


@dataclass(frozen=True)
class Access:
    """A way into one cluster until `until` (unix seconds)."""

    server: str
    context: ResumingContext = field(repr=False)
    token: str = field(repr=False)
    tls_server_name: str
    until: float


class Credentials:
    """Hands out ways into clusters."""

    def __init__(self, executor: Executor, *, ttl: timedelta, clock: Callable[[], float] = time.time) -> None:
        self._executor = executor
        self._ttl = ttl
        self._clock = clock
        self._kept: dict[UUID, Access] = {}
        self._buckets: dict[UUID, Bucket] = {}
        self.minted = 0

    async def of(self, target: Target, place: Place) -> Access:
        """Return a way in that is good for now; raises ReadError with how long to wait when the landscape gives none."""
        kept = self._kept.get(target.runtime)
        if kept is not None and kept.until > self._clock():
            return kept
        loop = asyncio.get_running_loop()
        taken, seconds = self._bucket(place).take(loop.time())
        if not taken:
            raise ReadError("over_budget", f"landscape {place.key}", after=seconds)
        if seconds:
            await asyncio.sleep(seconds)
        access = await loop.run_in_executor(self._executor, self._mint, target, place)
        self._kept[target.runtime] = access
        self.minted += 1
        return access

    def forget(self, runtime: UUID) -> None:
        """Drop what a cluster did not take any more, or whose runtime is gone."""
        self._kept.pop(runtime, None)

    def _bucket(self, place: Place) -> Bucket:
        found = self._buckets.get(place.id)
        rate = max(place.calls_per_second * SHARE, 0.1)
        if found is None or found.rate != rate:
            found = self._buckets[place.id] = Bucket(rate, max(rate, 1.0))
        return found

    def _mint(self, target: Target, place: Place) -> Access:
        """Ask the landscape, in a thread; the connection is back in its pool while it answers."""
        try:
            verdict = budget.take(place.id, leave=LEAVE)
            connection.close()
            if not isinstance(verdict, budget.Allowed):
                why = "not_answering" if isinstance(verdict, budget.NotAnswering) else "over_budget"
                raise ReadError(why, f"landscape {place.key}", after=max(verdict.seconds, 0.5))
            try:
                driver = connect(kind=place.kind, access=place.access)
                cluster = ClusterRef(target.cluster_name, owner=str(target.runtime))
                minted = driver.credentials(cluster, ttl=self._ttl, role=Role.VIEW)
            except (Retry, Fatal) as fault:
                breaker.report(place.id, place.key, fault, suspect=verdict.suspect)
                raise ReadError("no_credentials", str(fault)) from fault
            breaker.report(place.id, place.key, minted, suspect=verdict.suspect)
            return self._access(target, minted)
        finally:
            connection.close()

    def _access(self, target: Target, minted: Kubeconfig) -> Access:
        try:
            found: ApiAccess = parse_kubeconfig(minted.yaml)
            context = context_of(found, ResumingContext)
        except (KubeconfigRefusedError, SSLError, ValueError) as error:
            raise ReadError(
                "no_credentials", "the landscape minted a kubeconfig that can't be used"
            ) from error
        life = _seconds_until(minted.expires_at, self._clock())
        until = self._clock() + life * (EARLIEST + (LATEST - EARLIEST) * target.turn)
        return Access(found.server, context, found.token, found.tls_server_name, until)


def _seconds_until(moment: datetime, now: float) -> float:
    return max(moment.timestamp() - now, 0.0)
