"""Access to a cluster under a name of its own: granted to programs, ended by time or by being revoked; never stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from provisioner.drivers.base import Kubeconfig, Role
from provisioner.lifecycle.admission import require
from provisioner.lifecycle.kubeconfig import asked, standing
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import GONE


def grant_access(*, actor: Actor, runtime_id: Any, name: str, role: Role, ttl: timedelta) -> Kubeconfig:
    """Return a kubeconfig of the cluster's service account `name` (a DNS label), made or changed to have exactly `role`.

    Again is harmless: the same account gets another token. Outside of any transaction. Raises Refused as `mint_kubeconfig` does.
    """
    with transaction.atomic(durable=True):
        runtime = standing(actor, runtime_id)
    granted = asked(runtime, lambda driver, cluster: driver.grant(cluster, name=name, role=role, ttl=ttl))
    changes = {"name": name, "role": role.value, "expires_at": rfc3339(granted.expires_at)}
    _recorded("runtime.access.grant", actor, runtime, changes)
    return granted


def revoke_access(*, actor: Actor, runtime_id: Any, name: str) -> None:
    """End what was granted under this name, tokens included; a cluster or name that is not there is fine.

    Outside of any transaction. Raises Refused: runtime_not_found 404, forbidden 403, landscape_busy 429,
    landscape_not_answering 503, landscape_unavailable 503.
    """
    with transaction.atomic(durable=True):
        rows = Runtime.objects.select_related("landscape", "tenant")
        if not actor.sees_every_tenant:
            rows = rows.filter(tenant=actor.tenant_id)
        runtime: Runtime | None = rows.filter(pk=runtime_id).first()
    if runtime is None:
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    require(actor, Permission.KUBECONFIG, tenant_id=runtime.tenant_id)
    if runtime.phase in GONE:
        return
    asked(runtime, lambda driver, cluster: driver.revoke(cluster, name=name))
    _recorded("runtime.access.revoke", actor, runtime, {"name": name})


def _recorded(action: str, actor: Actor, runtime: Runtime, changes: dict[str, Any]) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes=changes,
    )
