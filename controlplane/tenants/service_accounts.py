"""What can be done with service accounts: make one, change its role, remove it with its tokens."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, Role
from controlplane.tenants.access_models import ServiceAccount
from controlplane.tenants.models import ApiToken, Tenant
from controlplane.tenants.rights import require, require_grant, seen_by
from controlplane.tenants.suspension import refuse_suspended

LONGEST_NAME = 80


@transaction.atomic
def create_service_account(*, actor: Actor, tenant: Tenant, name: str, role: Role) -> ServiceAccount:
    """Make a member that is a program.

    Raises Refused: forbidden 403, role_above_own 403, tenant_suspended 403, name_invalid, name_taken 409.
    """
    require(actor, Permission.TOKEN_MANAGE, tenant_id=tenant.id)
    require_grant(actor, role, tenant_id=tenant.id)
    refuse_suspended(tenant)
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        detail = f"name must have 1 to {LONGEST_NAME} printable characters."
        raise Refused("name_invalid", detail, field="name")
    try:
        with transaction.atomic():
            row: ServiceAccount = ServiceAccount.objects.create(
                tenant=tenant, name=name, role=role.value, created_by=actor.name[:160]
            )
    except IntegrityError as error:
        detail = f"There is a service account “{name}” already; choose another name."
        raise Refused("name_taken", detail, field="name", status=409) from error
    _note(actor, row, "create", {"name": name, "role": role.value})
    return row


@transaction.atomic
def change_service_account(*, actor: Actor, service_account_id: UUID, role: Role) -> ServiceAccount:
    """Give it another role, and its tokens with it.

    Raises Refused: service_account_not_found 404, forbidden 403, role_above_own 403, tenant_suspended 403.
    """
    row = locked(actor, service_account_id)
    require(actor, Permission.TOKEN_MANAGE, tenant_id=row.tenant_id)
    require_grant(actor, Role(row.role), tenant_id=row.tenant_id)
    require_grant(actor, role, tenant_id=row.tenant_id)
    refuse_suspended(row.tenant)
    before, row.role = row.role, role.value
    row.save(update_fields=["role"])
    ApiToken.objects.filter(service_account=row, revoked_at=None).update(role=role.value)
    _note(actor, row, "change", {"role": {"before": before, "after": role.value}})
    return row


@transaction.atomic
def remove_service_account(*, actor: Actor, service_account_id: UUID) -> ServiceAccount:
    """End it and revoke its tokens; raises Refused: service_account_not_found 404, forbidden 403."""
    row = locked(actor, service_account_id)
    require(actor, Permission.TOKEN_MANAGE, tenant_id=row.tenant_id)
    now = utcnow()
    row.removed_at = now
    row.save(update_fields=["removed_at"])
    number = ApiToken.objects.filter(service_account=row, revoked_at=None).update(revoked_at=now)
    _note(actor, row, "remove", {"name": row.name, "tokens_revoked": number})
    return row


def locked(actor: Actor, service_account_id: UUID) -> ServiceAccount:
    """Return one that is not removed, locked until commit; raises Refused service_account_not_found 404."""
    rows = ServiceAccount.objects.select_for_update(of=("self",)).select_related("tenant")
    row: ServiceAccount | None = seen_by(actor, rows).filter(pk=service_account_id, removed_at=None).first()
    if row is None:
        detail = "There is no such service account in your tenant."
        raise Refused("service_account_not_found", detail, status=404)
    return row


def _note(actor: Actor, row: ServiceAccount, verb: str, changes: dict[str, object]) -> None:
    audit.record(
        f"service_account.{verb}",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="service_account",
        target_id=row.id,
        changes=changes,
    )
