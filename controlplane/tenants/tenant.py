"""What can be done with a tenant itself: begin it with an owner who is invited, call it something else."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.invitations import AddressOf, clean_email, issue
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.letters import count_letter
from controlplane.tenants.models import Member, Tenant
from controlplane.tenants.rights import require
from controlplane.tenants.services import create_tenant
from controlplane.tenants.suspension import refuse_suspended

LONGEST_NAME = 120


def begin_tenant(*, actor: Actor, slug: str, name: str, owner_email: str, address_of: AddressOf) -> Tenant:
    """Make a tenant and invite its first owner by e-mail; for platform admins.

    Raises Refused: forbidden 403, slug_invalid, slug_taken 409, name_invalid, email_invalid,
    too_many_invitations 429.
    """
    _require_beginner(actor)
    name, email = clean_name(name), clean_email(owner_email)
    with platform_scope(), transaction.atomic():
        tenant = create_tenant(actor=actor, slug=slug, name=name)
        count_letter(tenant, email)
        issue(actor=actor, tenant=tenant, email=email, role=Role.OWNER, address_of=address_of)
    return tenant


def invite_owner(*, actor: Actor, tenant_id: UUID, email: str, address_of: AddressOf) -> Invitation:
    """Invite an owner of a tenant that has none; former invitations of owners are dead. For platform admins.

    Raises Refused: forbidden 403, tenant_not_found 404, tenant_suspended 403, owner_there 409, email_invalid,
    too_many_invitations 429.
    """
    _require_beginner(actor)
    email = clean_email(email)
    with platform_scope(), transaction.atomic():
        tenant = _locked(tenant_id)
        refuse_suspended(tenant)
        if Member.objects.filter(tenant=tenant, role=Role.OWNER).exists():
            detail = f"{tenant.name} has an owner, who invites whom they want."
            raise Refused("owner_there", detail, status=409)
        count_letter(tenant, email)
        waiting = Invitation.objects.filter(tenant=tenant, accepted_at=None, revoked_at=None)
        former = waiting.filter(role=Role.OWNER) | waiting.filter(email=email)
        for row in former.order_by("pk"):
            waiting.filter(pk=row.pk).update(revoked_at=utcnow())
            _note(
                "invitation.revoke",
                actor,
                tenant,
                "invitation",
                row.pk,
                {"because": "another owner is invited"},
            )
        return issue(actor=actor, tenant=tenant, email=email, role=Role.OWNER, address_of=address_of)


@transaction.atomic
def rename_tenant(*, actor: Actor, tenant_id: UUID, name: str) -> Tenant:
    """Give a tenant another name; its slug stays, for addresses and scripts name it.

    Raises Refused: tenant_not_found 404, forbidden 403, tenant_closed 409, name_invalid.
    """
    if not (actor.sees_every_tenant or actor.tenant_id == tenant_id):
        raise _not_there()
    require(actor, Permission.TENANT_CHANGE, tenant_id=tenant_id)
    tenant, name = _locked(tenant_id), clean_name(name)
    if tenant.closed_at:
        raise Refused("tenant_closed", f"{tenant.name} is closed for good.", status=409)
    if name == tenant.name:
        return tenant
    before, tenant.name = tenant.name, name
    tenant.save(update_fields=["name"])
    _note("tenant.rename", actor, tenant, "tenant", tenant.pk, {"name": {"before": before, "after": name}})
    return tenant


def owners_of(tenant_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many owners each of these tenants has, in one query; one without is left out."""
    rows = (
        Member.objects.filter(tenant__in=tenant_ids, role=Role.OWNER)
        .values_list("tenant")
        .annotate(Count("pk"))
    )
    return dict(rows)


def clean_name(text: str) -> str:
    """Return a name without blanks around it; raises Refused name_invalid."""
    name = text.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        detail = f"name must have 1 to {LONGEST_NAME} printable characters."
        raise Refused("name_invalid", detail, field="name")
    return name


def _require_beginner(actor: Actor) -> None:
    if not actor.may(Permission.TENANT_CREATE):
        raise Refused("forbidden", "Only platform admins make tenants; ask one.", status=403)


def _locked(tenant_id: UUID) -> Tenant:
    tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    if tenant is None:
        raise _not_there()
    return tenant


def _not_there() -> Refused:
    return Refused("tenant_not_found", "There is no such tenant.", status=404)


def _note(
    action: str, actor: Actor, tenant: Tenant, noun: str, row_id: UUID, changes: dict[str, object]
) -> None:
    audit.record(
        action, actor=actor, tenant_id=tenant.pk, target_type=noun, target_id=row_id, changes=changes
    )
