"""Mint a kubeconfig: short-lived, made by the landscape, handed on and never stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.errors import Fatal, Refused, Retry
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from provisioner.drivers.base import ClusterRef, Kubeconfig, LandscapeAccess, Role
from provisioner.drivers.registry import connect
from provisioner.lifecycle.admission import require
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

SHORTEST = timedelta(minutes=10)  # Gardener's own bounds
LONGEST = timedelta(hours=24)
ANSWERS = frozenset({Phase.READY, Phase.UPDATING, Phase.UPGRADING, Phase.FAILED})


def mint_kubeconfig(*, actor: Actor, runtime_id: Any, ttl: timedelta, role: Role = Role.ADMIN) -> Kubeconfig:
    """Return a kubeconfig that expires after `ttl` (10 minutes to 24 hours).

    Raises Refused: runtime_not_found 404, forbidden 403, tenant_suspended 403, account_suspended 403, runtime_not_ready 409,
    ttl_out_of_range 422, landscape_unavailable 503.
    """
    runtime = _runtime(actor, runtime_id)
    if not SHORTEST <= ttl <= LONGEST:
        raise Refused(
            "ttl_out_of_range",
            f"ttl_seconds must be between {int(SHORTEST.total_seconds())} and {int(LONGEST.total_seconds())}.",
            field="ttl_seconds",
        )
    landscape = runtime.landscape
    access = LandscapeAccess(
        key=landscape.key,
        config=landscape.config,
        credentials_path=landscape.credentials_path,
        timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS,
    )
    try:
        driver = connect(kind=landscape.kind, access=access)
        cluster = ClusterRef(runtime.cluster_name, owner=str(runtime.id))
        kubeconfig = driver.credentials(cluster, ttl=ttl, role=role)
    except (Retry, Fatal) as error:
        raise Refused(
            "landscape_unavailable",
            "The landscape did not hand out a kubeconfig; try again in a minute.",
            status=503,
            retry_after_seconds=60,
        ) from error
    audit.record(
        "runtime.kubeconfig",
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes={"role": role.value, "expires_at": rfc3339(kubeconfig.expires_at)},
    )
    return kubeconfig


def _runtime(actor: Actor, runtime_id: Any) -> Runtime:
    rows = Runtime.objects.select_related("landscape", "tenant", "account")
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    runtime: Runtime | None = rows.filter(pk=runtime_id).first()
    if runtime is None:
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    require(actor, Permission.KUBECONFIG, tenant_id=runtime.tenant_id)
    refuse_suspended(runtime.tenant, runtime.account)
    built = runtime.status.get("api_endpoint") or runtime.observed_generation
    if runtime.phase not in ANSWERS or not built:
        raise Refused(
            "runtime_not_ready",
            f"Runtime {runtime.name} is {runtime.phase}; ask for its kubeconfig once it is ready.",
            status=409,
        )
    return runtime
