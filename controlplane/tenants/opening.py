"""How support looks into a tenant: one at a time, with a reason that stands in that tenant's own audit trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.db import transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, PlatformRole
from controlplane.tenants.isolation.scopes import platform_scope, tenant_scope
from controlplane.tenants.models import Tenant

STAYS_OPEN = timedelta(minutes=30)
SHORTEST_REASON, LONGEST_REASON = 5, 300


def must_open(actor: Actor) -> bool:
    """Whether this actor sees no tenant's rows before it has said which, and why."""
    return actor.platform_role == PlatformRole.SUPPORT and actor.tenant_id is None


def open_tenant(*, actor: Actor, slug: str, reason: str) -> tuple[Tenant, Actor]:
    """Return the tenant and the actor bounded to it, and note the reason in its trail.

    Raises Refused: forbidden 403, reason_invalid, tenant_not_found 404.
    """
    if not actor.may(Permission.TENANT_OPEN):
        raise Refused("forbidden", "Only the platform's team looks into tenants.", status=403)
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        detail = (
            f"reason must say in {SHORTEST_REASON} to {LONGEST_REASON} characters why, for example a ticket."
        )
        raise Refused("reason_invalid", detail, field="reason")
    with platform_scope(), transaction.atomic():
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        detail = f"There is no tenant “{slug[:40]}”; write its slug."
        raise Refused("tenant_not_found", detail, field="tenant", status=404)
    with tenant_scope(tenant.id), transaction.atomic():
        audit.record(
            "tenant.open",
            actor=actor,
            tenant_id=tenant.id,
            target_type="tenant",
            target_id=tenant.id,
            changes={"reason": reason},
        )
    return tenant, replace(actor, tenant_id=tenant.id)
