"""Looks into clusters whose turn it is, within each landscape's budget.

O(due): a runtime is looked at once in a round (FINDINGS_SECONDS), and where nothing is found, ever less often: a fourth as often.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.conf import settings

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import ClusterRef, LandscapeAccess, Role
from provisioner.drivers.registry import connect
from provisioner.findings import writing
from provisioner.findings.looking import Found, judge, look
from provisioner.landscapes import breaker, budget
from provisioner.modules.models import RuntimeModule
from provisioner.modules.rendering import in_apply_order, render
from provisioner.operations.models import Operation
from provisioner.runtimes.inside import ObjectRef
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import GONE, Phase
from provisioner.runtimes.spec import cluster_from_json

log = structlog.get_logger(__name__)

MOST = 20  # in one tick
MOST_NEW = 500
TICK_SECONDS = 20.0
BUSY = timedelta(minutes=10)
LATER = timedelta(minutes=1)


def tick() -> int:
    """Look at what is due; return how many runtimes were."""
    end = time.monotonic() + TICK_SECONDS
    due = writing.claim(MOST)
    rows = Runtime.objects.select_related("landscape").in_bulk(due)
    for at, runtime_id in enumerate(due):
        if time.monotonic() >= end:
            for late in due[at:]:
                writing.come_again(late, after=timedelta(0))
            return at
        _visit_safely(rows[runtime_id])
    return len(due)


def _visit_safely(runtime: Runtime) -> None:
    """Look at one; what breaks over what is in it keeps nobody else from being looked at."""
    try:
        visit(runtime)
    except Exception as fault:
        log.exception("findings.look_broke", runtime=str(runtime.pk))
        writing.come_again(runtime.pk, after=BUSY, problem=f"The look broke: {type(fault).__name__}.")


def enrol(*, everyone: bool = False) -> int:
    """Begin to look at runtimes that became ready lately, or at everyone who is; return how many are new."""
    found = some = writing.enrol(MOST_NEW, everyone=everyone)
    while everyone and some == MOST_NEW:
        found += (some := writing.enrol(MOST_NEW, everyone=True))
    return found


def visit(runtime: Runtime) -> None:
    """Look at one runtime and write what was found, or say when to come again."""
    if runtime.phase in GONE:
        writing.forget(runtime.pk)
        return
    if runtime.phase != Phase.READY or runtime.observed_generation != runtime.generation or _at_work(runtime):
        writing.come_again(runtime.pk, after=BUSY)
        return
    try:
        found = _looked(runtime)
    except (Retry, Fatal) as fault:
        writing.come_again(runtime.pk, after=BUSY, problem=str(fault))
        return
    if found is None:
        writing.come_again(runtime.pk, after=LATER)
    else:
        writing.write(runtime.pk, found)


def _at_work(runtime: Runtime) -> bool:
    # One that people can use may still get its modules: what is missing then is no finding.
    return bool(Operation.objects.filter(runtime=runtime, slot__isnull=False).exists())


def _looked(runtime: Runtime) -> Found | None:
    """Return what was found, or None where the landscape has no call to spare."""
    landscape = runtime.landscape
    verdict = budget.take(landscape.pk)
    if not isinstance(verdict, budget.Allowed):
        return None
    cluster = cluster_from_json(runtime.cluster_spec)
    inventories = RuntimeModule.objects.filter(runtime=runtime).values_list("inventory", flat=True)
    kept = [ObjectRef(*entry) for inventory in inventories for entry in inventory]
    try:
        access = LandscapeAccess.of(landscape, timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS)
        driver = connect(kind=landscape.kind, access=access)
        ref = ClusterRef(runtime.cluster_name, owner=str(runtime.pk))
        wanted = in_apply_order(render(cluster))
        with driver.inside(ref, role=Role.VIEW) as api:
            seen = look(
                api, at=utcnow(), kubernetes_version=cluster.kubernetes_version, wanted=wanted, kept=kept
            )
    except (Retry, Fatal) as fault:
        breaker.report(landscape.pk, landscape.key, fault, suspect=verdict.suspect)
        raise
    breaker.report(landscape.pk, landscape.key, seen, suspect=verdict.suspect)
    return judge(seen)
