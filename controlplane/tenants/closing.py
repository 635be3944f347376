"""How a tenant ends: nothing lives in it, nobody gets in any more, and its audit trail and statements stay."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit, ports
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.access_models import Invitation, ServiceAccount
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import ApiToken, Member, State, Tenant
from controlplane.tenants.rights import require


@transaction.atomic
def close_tenant(*, actor: Actor, tenant_id: UUID) -> Tenant:
    """Close a tenant for good; closing it again changes nothing.

    Its members lose their access; tokens and invitations are revoked. Whatever still lives in it, such as
    a runtime, refuses. Raises Refused: tenant_not_found 404, forbidden 403, tenant_in_use 409.
    """
    require(actor, Permission.TENANT_CHANGE, tenant_id=tenant_id)
    tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    if tenant is None:
        raise Refused("tenant_not_found", "There is no such tenant.", status=404)
    if tenant.closed_at:
        return tenant
    alive = [words for ask in ports.living for words in ask(tenant.id)]
    if alive:
        detail = f"{tenant.name} still has {', '.join(alive)}; remove them first."
        raise Refused("tenant_in_use", detail, status=409)
    now = utcnow()
    tenant.closed_at, tenant.state = now, State.SUSPENDED
    with platform_scope():  # a tenant's own scope writes neither
        tenant.save(update_fields=["closed_at", "state"])
    audit.record(
        "tenant.close",
        actor=actor,
        tenant_id=tenant.id,
        target_type="tenant",
        target_id=tenant.id,
        changes=_let_nobody_in(tenant),
    )
    return tenant


def _let_nobody_in(tenant: Tenant) -> dict[str, int]:
    """End every way in and return how many there were of each."""
    now = utcnow()
    members = Member.objects.filter(tenant=tenant)
    waiting = Invitation.objects.filter(tenant=tenant, accepted_at=None, revoked_at=None)
    programs = ServiceAccount.objects.filter(tenant=tenant, removed_at=None)
    tokens = ApiToken.objects.filter(tenant=tenant, revoked_at=None)
    ended = {
        "members": members.delete()[0],
        "invitations": waiting.update(revoked_at=now),
        "service_accounts": programs.update(removed_at=now),
        "tokens": tokens.update(revoked_at=now),
    }
    for shut in ports.doors:
        ended |= shut(tenant.id)
    return ended
