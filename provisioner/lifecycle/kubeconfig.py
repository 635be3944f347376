"""Mint a kubeconfig: short-lived, made by the landscape within its budget of calls, handed on and never stored."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.errors import Fatal, Refused, Retry
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from provisioner.drivers.base import ClusterRef, Driver, Kubeconfig, LandscapeAccess, Role
from provisioner.drivers.registry import connect
from provisioner.landscapes import breaker, budget
from provisioner.lifecycle.admission import require
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

Answer = TypeVar("Answer")

SHORTEST = timedelta(minutes=10)  # Gardener's own bounds
LONGEST = timedelta(hours=24)
NEEDED = {Role.VIEW: Permission.KUBECONFIG_VIEW}  # every other role lets people change things
PATIENCE_SECONDS = 2.0  # for a free place in the landscape's budget: a person waits for the answer
SHORTEST_PAUSE_SECONDS = 0.1  # others may be quicker at taking what has come free
ANSWERS = frozenset({Phase.READY, Phase.UPDATING, Phase.UPGRADING, Phase.FAILED})


def mint_kubeconfig(*, actor: Actor, runtime_id: Any, ttl: timedelta, role: Role = Role.ADMIN) -> Kubeconfig:
    """Return a kubeconfig that expires after `ttl` (10 minutes to what the plan allows); no connection is held meanwhile.

    Who may only look gets one that views, and no other.
    Raises Refused: runtime_not_found 404, forbidden 403, tenant_suspended 403, account_suspended 403, runtime_not_ready 409,
    cluster_missing 409, ttl_out_of_range 422, landscape_busy 429, landscape_not_answering 503, landscape_unavailable 503.
    """
    with transaction.atomic(
        durable=True
    ):  # never inside a caller's transaction: the landscape may take its time
        runtime = standing(actor, runtime_id, role)
    longest = longest_of(runtime.plan_id)
    if not SHORTEST <= ttl <= longest:
        raise Refused(
            "ttl_out_of_range",
            f"ttl_seconds must be between {int(SHORTEST.total_seconds())} and {int(longest.total_seconds())}.",
            field="ttl_seconds",
        )
    # Before and after: a process that dies in between leaves no credential that nobody asked for.
    _record("runtime.kubeconfig.ask", actor, runtime, role=role.value, ttl_seconds=int(ttl.total_seconds()))
    kubeconfig = asked(runtime, lambda driver, cluster: driver.credentials(cluster, ttl=ttl, role=role))
    _record("runtime.kubeconfig", actor, runtime, role=role.value, expires_at=rfc3339(kubeconfig.expires_at))
    return kubeconfig


def _record(action: str, actor: Actor, runtime: Runtime, **changes: Any) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes=changes,
    )


def longest_of(plan: str) -> timedelta:
    """Return how long a kubeconfig of this plan's clusters may live: KUBECONFIG_SECONDS_OF_PLAN, else KUBECONFIG_SECONDS."""
    seconds = settings.KUBECONFIG_SECONDS_OF_PLAN.get(plan, settings.KUBECONFIG_SECONDS)
    return max(SHORTEST, min(LONGEST, timedelta(seconds=seconds)))


def _permit(landscape_id: UUID) -> budget.Allowed:
    """Take one call from the landscape's budget, waiting a little for it; raises Refused 429 or 503 with when to come again."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not isinstance(verdict := budget.take(landscape_id), budget.Allowed):
        again = max(1, math.ceil(verdict.seconds))
        if isinstance(verdict, budget.NotAnswering):
            detail = f"The landscape of this runtime is not answering; try again in {again} s."
            raise Refused("landscape_not_answering", detail, status=503, retry_after_seconds=again)
        pause = max(verdict.seconds, SHORTEST_PAUSE_SECONDS)
        if time.monotonic() + pause > end:
            detail = f"The landscape of this runtime has its hands full; try again in {again} s."
            raise Refused("landscape_busy", detail, status=429, retry_after_seconds=again)
        _give_connection_back()
        time.sleep(pause)
    return verdict


def asked(runtime: Runtime, ask: Callable[[Driver, ClusterRef], Answer]) -> Answer:
    """Return what the runtime's landscape answers, asked within its budget and breaker and holding no database connection.

    Never inside a transaction.
    Raises Refused: landscape_busy 429, landscape_not_answering 503, landscape_unavailable 503, cluster_missing 409.
    """
    permit = _permit(runtime.landscape_id)
    landscape = runtime.landscape
    access = LandscapeAccess.of(landscape, timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS)
    _give_connection_back()
    try:
        driver = connect(kind=landscape.kind, access=access)
        answer = ask(driver, ClusterRef(runtime.cluster_name, owner=str(runtime.id)))
    except (Retry, Fatal) as fault:
        breaker.report(landscape.pk, landscape.key, fault, suspect=permit.suspect)
        raise _refusal(runtime, fault) from fault
    breaker.report(landscape.pk, landscape.key, answer, suspect=permit.suspect)
    return answer


def _refusal(runtime: Runtime, fault: Retry | Fatal) -> Refused:
    if isinstance(fault, Fatal) and fault.code == "cluster_absent":
        detail = (
            f"The landscape has no cluster of runtime {runtime.name}: it vanished there; contact support."
        )
        return Refused("cluster_missing", detail, status=409)
    if isinstance(fault, Fatal):
        detail = (
            "The landscape refused, and will again until the platform's team has looked; contact support."
        )
        return Refused("landscape_unavailable", detail, status=503)
    detail = "The landscape did not answer as it should; try again in a minute."
    return Refused("landscape_unavailable", detail, status=503, retry_after_seconds=60)


def _give_connection_back() -> None:
    """Let others have the connection while this thread waits: Django takes one from the pool again when it is needed."""
    if not connection.in_atomic_block:  # a test's own transaction, which would be lost
        connection.close()


def standing(actor: Actor, runtime_id: Any, role: Role = Role.ADMIN) -> Runtime:
    """Return the runtime, with its landscape, whose cluster this actor may enter; raises Refused as `mint_kubeconfig` does."""
    rows = Runtime.objects.select_related("landscape", "tenant", "account")
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    runtime: Runtime | None = rows.filter(pk=runtime_id).first()
    if runtime is None:
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    require(actor, NEEDED.get(role, Permission.KUBECONFIG), tenant_id=runtime.tenant_id)
    refuse_suspended(runtime.tenant, runtime.account)
    if not reachable(runtime):
        raise Refused(
            "runtime_not_ready",
            f"Runtime {runtime.name} is {runtime.phase}; ask for its kubeconfig once it is ready.",
            status=409,
        )
    return runtime


def reachable(runtime: Runtime) -> bool:
    """Say whether the runtime has a cluster that answers, as far as is known: pages offer what this door would grant."""
    built = runtime.status.get("api_endpoint") or runtime.was_ready
    return runtime.phase in ANSWERS and bool(built) and not runtime.suspended_for
