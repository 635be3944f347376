"""Rounds over runtimes: those whose turn it is are looked into, each within its landscape's budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import ClusterRef, LandscapeAccess, Role
from provisioner.drivers.registry import connect
from provisioner.landscapes import breaker, budget
from provisioner.operations.models import Operation
from provisioner.runtimes.inside import ClusterApi
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import GONE, Phase

log = structlog.get_logger(__name__)

MOST = 20  # in one tick
TICK_SECONDS = 20.0
BUSY = timedelta(minutes=10)  # what is under way writes what it sees by itself
SELDOM = timedelta(hours=1)  # what failed may never answer, and is to hold up nobody else
LATER = timedelta(minutes=1)  # the landscape has no call to spare

Seen = TypeVar("Seen")
Seen_co = TypeVar("Seen_co", covariant=True)


class Ledger(Protocol):
    """Where it stands whose turn it is."""

    def claim(self, most: int) -> Sequence[UUID]:
        """Take the runtimes whose turn it is."""
        ...

    def come_again(self, runtime_id: UUID, *, after: timedelta, problem: str = "") -> None:
        """Have another look later."""
        ...

    def forget(self, runtime_id: UUID) -> None:
        """Look at it no more."""
        ...


class Looking(Protocol[Seen_co]):
    """What a round looks for."""

    def __call__(self, api: ClusterApi, runtime: Runtime) -> Seen_co:
        """Look at a runtime through its own API; raises `Retry` or `Fatal` as drivers do."""
        ...


@dataclass(frozen=True)
class Rounds(Generic[Seen]):
    """One kind of round: whose turn it is, what is looked for, and what is done with what was seen."""

    name: str
    ledger: Ledger
    look: Looking[Seen]
    write: Callable[[Runtime, Seen], object]
    of_fulfilled: bool = True  # only those that are ready, and whose newest wish is fulfilled

    def tick(self) -> int:
        """Look at what is due; return how many runtimes were."""
        end = time.monotonic() + TICK_SECONDS
        due = self.ledger.claim(MOST)
        rows = Runtime.objects.select_related("landscape").in_bulk(due)
        for at, runtime_id in enumerate(due):
            if time.monotonic() >= end:
                for late in due[at:]:
                    self.ledger.come_again(late, after=timedelta(0))
                return at
            self._visit_safely(rows[runtime_id])
        return len(due)

    def _visit_safely(self, runtime: Runtime) -> None:
        """Look at one; what breaks over what is in it keeps nobody else from being looked at."""
        try:
            self._visit(runtime)
        except Exception as fault:
            log.exception("rounds.look_broke", rounds=self.name, runtime=str(runtime.pk))
            problem = f"The look broke: {type(fault).__name__}."
            self.ledger.come_again(runtime.pk, after=BUSY, problem=problem)

    def _visit(self, runtime: Runtime) -> None:
        """Look at one runtime and write what was found, or say when to come again."""
        if runtime.phase in GONE:
            self.ledger.forget(runtime.pk)
            return
        if not self._has_its_turn(runtime):
            self.ledger.come_again(runtime.pk, after=BUSY)
            return
        try:
            answer = self._looked(runtime)
        except (Retry, Fatal) as fault:
            after = SELDOM if runtime.phase == Phase.FAILED else BUSY
            self.ledger.come_again(runtime.pk, after=after, problem=str(fault))
            return
        if answer is None:
            self.ledger.come_again(runtime.pk, after=LATER)
        else:
            self.write(runtime, answer[0])

    def _has_its_turn(self, runtime: Runtime) -> bool:
        """Say whether it stands as this round wants it; one that failed may have been mended by people since."""
        if self.of_fulfilled:
            return runtime.phase == Phase.READY and _is_fulfilled(runtime) and _is_at_rest(runtime)
        return runtime.phase in {Phase.READY, Phase.FAILED} and _is_at_rest(runtime)

    def _looked(self, runtime: Runtime) -> tuple[Seen] | None:
        """Return what was seen, or None where the landscape has no call to spare."""
        landscape = runtime.landscape
        verdict = budget.take(landscape.pk)
        if not isinstance(verdict, budget.Allowed):
            return None
        try:
            access = LandscapeAccess.of(landscape, timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS)
            driver = connect(kind=landscape.kind, access=access)
            with driver.inside(
                ClusterRef(runtime.cluster_name, owner=str(runtime.pk)), role=Role.VIEW
            ) as api:
                seen = self.look(api, runtime)
        except (Retry, Fatal) as fault:
            breaker.report(landscape.pk, landscape.key, fault, suspect=verdict.suspect)
            raise
        breaker.report(landscape.pk, landscape.key, seen, suspect=verdict.suspect)
        return (seen,)


def _is_at_rest(runtime: Runtime) -> bool:
    """Say whether nothing is under way; one that people can use may still get its modules: what is missing then is no finding."""
    return not Operation.objects.filter(runtime=runtime, slot__isnull=False).exists()


def _is_fulfilled(runtime: Runtime) -> bool:
    """Say whether it is as it was wished last; an upgrade that was refused before it began leaves a wish behind."""
    return bool(runtime.observed_generation == runtime.generation)
