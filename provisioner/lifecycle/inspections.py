"""Looks into clusters whose modules are due: how they are, and what of them was changed behind our back, which is mended.

O(due): a runtime once in a round (MODULE_INSPECTION_SECONDS), and where all is in order, ever less often: a fourth as often.
Spread evenly, within each landscape's budget of calls.
"""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings

from controlplane.kernel.errors import Fatal, Refused, Retry
from provisioner.drivers.base import ClusterRef, LandscapeAccess, Role
from provisioner.drivers.registry import connect
from provisioner.landscapes import breaker, budget
from provisioner.lifecycle.repair import mend_drift
from provisioner.modules import inspecting
from provisioner.modules.installing import Sight, inspect
from provisioner.modules.rendering import render
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import GONE, Phase
from provisioner.runtimes.spec import cluster_from_json

log = structlog.get_logger(__name__)

MOST = 20  # in one tick
TICK_SECONDS = 20.0
BUSY = timedelta(minutes=10)  # what is under way writes what it sees by itself


def tick() -> int:
    """Look at what is due; return how many runtimes were."""
    end = time.monotonic() + TICK_SECONDS
    due = inspecting.claim(MOST)
    rows = Runtime.objects.select_related("landscape").in_bulk(due)
    for at, runtime_id in enumerate(due):
        if time.monotonic() >= end:
            for late in due[at:]:
                inspecting.come_again(late, after=timedelta(0))
            return at
        _visit_safely(rows[runtime_id])
    return len(due)


def _visit_safely(runtime: Runtime) -> None:
    """Look at one; what breaks over what is in it keeps nobody else from being looked at."""
    try:
        _visit(runtime)
    except Exception as fault:
        log.exception("modules.look_broke", runtime=str(runtime.pk))
        inspecting.come_again(runtime.pk, after=BUSY, problem=f"The look broke: {type(fault).__name__}.")


def _visit(runtime: Runtime) -> None:
    if runtime.phase in GONE:
        inspecting.forget(runtime.pk)
        return
    if runtime.phase != Phase.READY or runtime.observed_generation != runtime.generation or _at_work(runtime):
        inspecting.come_again(runtime.pk, after=BUSY)
        return
    try:
        sights = _looked(runtime)
    except (Retry, Fatal) as fault:
        inspecting.come_again(runtime.pk, after=BUSY, problem=str(fault))
        return
    if sights is None:
        inspecting.come_again(runtime.pk, after=timedelta(minutes=1))
        return
    rounds = inspecting.note(runtime.pk, runtime.generation, sights)
    drift = [difference for sight in sights for difference in sight.drift]
    # Where somebody changes it back every time, ever less often: in the 1st, 2nd, 4th, 8th round in a row.
    if drift and rounds & (rounds - 1) == 0:
        _mend(runtime.pk, drift)


def _at_work(runtime: Runtime) -> bool:
    # One that people can use may still get its modules.
    return bool(Operation.objects.filter(runtime=runtime, slot__isnull=False).exists())


def _looked(runtime: Runtime) -> list[Sight] | None:
    """Return how the modules are, or None where the landscape has no call to spare."""
    landscape = runtime.landscape
    verdict = budget.take(landscape.pk)
    if not isinstance(verdict, budget.Allowed):
        return None
    try:
        access = LandscapeAccess.of(landscape, timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS)
        driver = connect(kind=landscape.kind, access=access)
        cluster = cluster_from_json(runtime.cluster_spec)
        ref = ClusterRef(runtime.cluster_name, owner=str(runtime.pk))
        with driver.inside(ref, role=Role.VIEW) as api:
            sights = inspect(api, render(cluster))
    except (Retry, Fatal) as fault:
        breaker.report(landscape.pk, landscape.key, fault, suspect=verdict.suspect)
        raise
    breaker.report(landscape.pk, landscape.key, sights, suspect=verdict.suspect)
    return sights


def _mend(runtime_id: UUID, drift: list[str]) -> None:
    try:
        operation = mend_drift(runtime_id=runtime_id, fields=drift[:20])
    except Refused as refused:
        log.warning("modules.drift_stays", runtime=str(runtime_id), reason=str(refused))
        return
    if operation is not None:
        log.warning("modules.drift_mended", runtime=str(runtime_id), operation=str(operation.pk), drift=drift)
