"""Suspend and resume a tenant or an account: its state changes at once, its runtimes follow (`following`)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Account, State, Tenant
from provisioner.lifecycle.admission import require
from provisioner.lifecycle.models import Standing, Why

LONGEST_NOTE = 500
OF_THE_PLATFORM = frozenset({Why.PAYMENT, Why.ABUSE})
Owner = Tenant | Account


@transaction.atomic
def suspend_tenant(*, actor: Actor, tenant_id: UUID, reason: str = Why.WISH, note: str = "") -> Standing:
    """Suspend a tenant; suspended again, only reason and note change. Raises Refused 403, 404, 409 for a closed one."""
    return _suspend(actor, locked_tenant(actor, tenant_id, Permission.TENANT_SUSPEND), reason, note)


@transaction.atomic
def resume_tenant(*, actor: Actor, tenant_id: UUID) -> Standing:
    """Let a tenant go on; one whose deletion is scheduled stays suspended. Raises Refused 403, 404, 409."""
    return _resume(actor, locked_tenant(actor, tenant_id, Permission.TENANT_SUSPEND))


@transaction.atomic
def suspend_account(*, actor: Actor, account_id: UUID, reason: str = Why.WISH, note: str = "") -> Standing:
    """Suspend an account; its tenant's own people do it by their own wish only. Raises Refused 403, 404, 409."""
    owner = locked_account(actor, account_id)
    if reason in OF_THE_PLATFORM:
        require(actor, Permission.TENANT_SUSPEND, tenant_id=owner.tenant_id)
    return _suspend(actor, owner, reason, note)


@transaction.atomic
def resume_account(*, actor: Actor, account_id: UUID) -> Standing:
    """Let an account go on; what the platform suspended only the platform resumes. Raises Refused 403, 404, 409."""
    return _resume(actor, locked_account(actor, account_id))


def locked_tenant(actor: Actor, tenant_id: UUID, permission: Permission) -> Tenant:
    """Return the tenant, locked until commit, if the actor may; another one's is not there."""
    tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    if tenant is None or not (actor.sees_every_tenant or actor.tenant_id == tenant.id):
        raise Refused("tenant_not_found", f"There is no tenant {tenant_id}.", status=404)
    require(actor, permission, tenant_id=tenant.id)
    if tenant.closed_at:
        raise Refused("tenant_closed", f"{tenant.name} is closed for good.", status=409)
    return tenant


def locked_account(actor: Actor, account_id: UUID) -> Account:
    """Return the account with its tenant, locked until commit, if the actor may; another tenant's is not there."""
    rows = Account.objects.select_for_update(no_key=True, of=("self",)).select_related("tenant")
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    account: Account | None = rows.filter(pk=account_id).first()
    if account is None:
        raise Refused("account_not_found", f"There is no account {account_id}.", status=404)
    if not actor.may(Permission.TENANT_SUSPEND):
        require(actor, Permission.ACCOUNT_CHANGE, tenant_id=account.tenant_id)
    if Standing.objects.filter(account=account, closed_at__isnull=False).exists():
        raise Refused("account_closed", f"Account {account.slug} is deleted for good.", status=409)
    return account


def open_standing(owner: Owner) -> Standing | None:
    """Return why the owner is suspended or about to be deleted, or what is left of a deleted one."""
    rows = Standing.objects.filter(ended_at__isnull=True, **of(owner)).select_related("tenant", "account")
    found: Standing | None = rows.first()
    return found


def of(owner: Owner) -> dict[str, object]:
    """Return the columns that name the owner."""
    if isinstance(owner, Tenant):
        return {"tenant": owner, "account": None}
    return {"tenant": owner.tenant, "account": owner}


def turn(owner: Owner, state: State) -> None:
    """Set the owner's state; every door asks for it from the next moment on. Its own scope may not write it."""
    with platform_scope():
        type(owner).objects.filter(pk=owner.pk).update(state=state)
    owner.state = state


def told(action: str, actor: Actor, owner: Owner, **changes: object) -> None:
    """Leave the audit row: `action` is a verb."""
    noun = "tenant" if isinstance(owner, Tenant) else "account"
    audit.record(
        f"{noun}.{action}",
        actor=actor,
        tenant_id=owner.pk if isinstance(owner, Tenant) else owner.tenant_id,
        target_type=noun,
        target_id=owner.pk,
        changes=changes,
    )


def _suspend(actor: Actor, owner: Owner, reason: str, note: str) -> Standing:
    if reason not in Why.values or not reason:
        known = ", ".join(why for why in Why.values if why)
        raise Refused("reason_unknown", f"reason must be one of {known}.", field="reason")
    note = " ".join(note.split())
    if len(note) > LONGEST_NOTE:
        raise Refused("note_too_long", f"note may have {LONGEST_NOTE} characters.", field="note")
    now = utcnow()
    standing = open_standing(owner) or Standing(**of(owner), since=now)
    if standing.reason in OF_THE_PLATFORM and not actor.may(Permission.TENANT_SUSPEND):
        raise _of_the_platform(owner)
    before = {"reason": standing.reason, "note": standing.note}
    standing.reason, standing.note, standing.by, standing.due_at = reason, note, actor.name[:160], now
    standing.save()
    turn(owner, State.SUSPENDED)
    told("suspend", actor, owner, before=before, after={"reason": reason, "note": note})
    return standing


def _resume(actor: Actor, owner: Owner) -> Standing:
    now = utcnow()
    standing = open_standing(owner)
    if standing is None:
        if owner.state != State.SUSPENDED:
            raise Refused("not_suspended", f"{owner.name} is not suspended.", status=409)
        standing = Standing(**of(owner), since=now)
    if standing.reason in OF_THE_PLATFORM and not actor.may(Permission.TENANT_SUSPEND):
        raise _of_the_platform(owner)
    if standing.delete_after and not standing.reason:
        detail = f"{owner.name} is suspended because its deletion is scheduled; undo that."
        raise Refused("deletion_scheduled", detail, status=409)
    before = {"reason": standing.reason, "note": standing.note}
    standing.reason, standing.note, standing.by, standing.due_at = Why.NONE, "", actor.name[:160], now
    release(standing, owner)
    told("resume", actor, owner, before=before)
    return standing


def release(standing: Standing, owner: Owner) -> None:
    """Store the row, and let the owner go on when nothing holds it any more."""
    if not standing.reason and standing.delete_after is None:
        standing.ended_at = standing.due_at = utcnow()
        turn(owner, State.ACTIVE)
    standing.save()


def _of_the_platform(owner: Owner) -> Refused:
    detail = f"The platform suspended {owner.name}; only its team can resume it. Contact support."
    return Refused("suspended_by_platform", detail, status=403)
