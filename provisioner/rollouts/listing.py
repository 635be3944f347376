"""Lists beside the rollouts themselves: the emergency stop, waivers in force, and windows and exclusions of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, prefetch_related_objects

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import seen_by
from provisioner.rollouts.deferring import Deferred, what_counts
from provisioner.rollouts.models import EmergencyStop, Exclusion, MaintenanceWindow, Target, Waiver
from provisioner.rollouts.permitted import may_read

MOST = 200
RUNTIME = ("runtime__cluster_spec", "runtime__spec", "runtime__status")


def engaged_stop(*, actor: Actor) -> EmergencyStop | None:
    """Return the emergency stop while it is engaged. Raises Refused forbidden 403."""
    may_read(actor)
    return EmergencyStop.objects.filter(released_at=None).first()


def waivers_in_force(*, actor: Actor, before: int | None = None, limit: int = 50) -> list[Waiver]:
    """Return a page, newest first, with runtime and tenant; `before` is the last id of the page before. Raises Refused 403."""
    may_read(actor)
    found = Waiver.objects.filter(revoked_at=None, expires_at__gt=utcnow()).order_by("-id")
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.select_related("runtime__tenant").defer(*RUNTIME)[: min(limit, MOST)])


@dataclass(frozen=True)
class Shown:
    """Which windows or exclusions; what is empty narrows nothing, `before` is the last id of the page before."""

    tenant: str = ""  # slug
    runtime_id: UUID | None = None
    before: int | None = None
    limit: int = 50


def list_windows(*, actor: Actor, shown: Shown) -> list[MaintenanceWindow]:
    """Return a page of the windows that the actor may see, newest first: its tenant's own, or of the platform's team all."""
    return list(_narrowed(seen_by(actor, MaintenanceWindow.objects.all()), shown))


def list_exclusions(*, actor: Actor, shown: Shown) -> list[Exclusion]:
    """Return the same of exclusions that are not over."""
    return list(_narrowed(seen_by(actor, Exclusion.objects.filter(ends_at__gt=utcnow())), shown))


def deferred(*, actor: Actor, shown: Shown) -> Deferred | None:
    """Return what counts of what the actor's tenant puts off, and how much is left; of the platform's team the one it names.

    None where no tenant is named: what the platform's team changes counts against nobody.
    """
    tenant_id = actor.tenant_id
    if tenant_id is None and shown.tenant:
        tenant_id = Tenant.objects.filter(slug=shown.tenant).values_list("pk", flat=True).first()
    if tenant_id is None or not actor.may(Permission.READ, tenant_id=tenant_id):
        return None
    found = what_counts(tenant_id, utcnow(), runtime_id=shown.runtime_id)
    return replace(found, counted=found.counted[:MOST])


def _narrowed(found: QuerySet[Any], shown: Shown) -> QuerySet[Any]:
    given = {"tenant__slug": shown.tenant, "runtime": shown.runtime_id, "pk__lt": shown.before}
    narrowed = found.filter(**{name: value for name, value in given.items() if value not in {"", None}})
    loaded = narrowed.select_related("tenant", "runtime").defer(*RUNTIME)
    return loaded.order_by("-id")[: min(shown.limit, MOST)]


def with_landscapes(targets: Sequence[Target]) -> Sequence[Target]:
    """Return the targets with the landscapes of their runtimes loaded, in one query."""
    prefetch_related_objects(list(targets), "runtime__landscape")
    return targets
