"""Delete a tenant or an account: scheduled, with time to undo it; suspended meanwhile, then emptied, then closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.services import notify
from controlplane.tenants.access import SYSTEM, Actor, Permission, Role
from controlplane.tenants.closing import close_tenant
from controlplane.tenants.models import Account, Member, State, Tenant
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.tenants import (
    Owner,
    locked_account,
    locked_tenant,
    of,
    open_standing,
    release,
    told,
    turn,
)

REMINDERS = (7, 3, 1)  # days before
SCHEDULED, REMINDER = "deletion-scheduled", "deletion-reminder"
# Rooms above say what must be settled before an owner is closed, such as “an open statement”; it waits for that.
unsettled: list[Callable[[Owner], Sequence[str]]] = []


@transaction.atomic
def schedule_tenant_deletion(*, actor: Actor, tenant_id: UUID, note: str = "") -> Standing:
    """Suspend a tenant now and delete it when the time to undo that is over. Raises Refused 403, 404, 409."""
    return _schedule(actor, locked_tenant(actor, tenant_id, Permission.TENANT_CHANGE), note)


@transaction.atomic
def undo_tenant_deletion(*, actor: Actor, tenant_id: UUID) -> Standing:
    """Take a scheduled deletion back. Raises Refused 403, 404, or 409 when there is none, or it has begun."""
    return _undo(actor, locked_tenant(actor, tenant_id, Permission.TENANT_CHANGE))


@transaction.atomic
def schedule_account_deletion(*, actor: Actor, account_id: UUID, note: str = "") -> Standing:
    """Suspend an account now and delete it when the time to undo that is over. Raises Refused 403, 404, 409."""
    return _schedule(actor, locked_account(actor, account_id), note)


@transaction.atomic
def undo_account_deletion(*, actor: Actor, account_id: UUID) -> Standing:
    """Take a scheduled deletion back. Raises Refused 403, 404, or 409 when there is none, or it has begun."""
    return _undo(actor, locked_account(actor, account_id))


def remind(standing: Standing, owner: Owner) -> None:
    """Write the reminders that are due to the tenant's owners, each once; the caller holds the row."""
    if standing.delete_after is None:
        return
    left = standing.delete_after - utcnow()
    due = [days for days in REMINDERS if left <= timedelta(days=days)]
    if due and (standing.reminded_days is None or min(due) < standing.reminded_days):
        standing.reminded_days = min(due)
        _tell(REMINDER, standing, owner)


def next_reminder(standing: Standing) -> timedelta | None:
    """Return how long before the deletion the next reminder is due."""
    sent = standing.reminded_days
    left = [days for days in REMINDERS if sent is None or days < sent]
    return timedelta(days=max(left)) if left else None


@transaction.atomic
def close(standing_id: UUID) -> str:
    """Close an owner whose runtimes are gone; return what it still waits for, or an empty text when it is done."""
    owner = _locked_owner(standing_id)
    standing = Standing.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=standing_id)
    waits = [words for ask in unsettled for words in ask(owner)]
    if waits or standing.closed_at or standing.ended_at:
        return ", ".join(waits)
    try:
        if isinstance(owner, Tenant):
            close_tenant(actor=SYSTEM, tenant_id=owner.id)
    except Refused as refused:
        return refused.detail
    standing.closed_at, standing.due_at, standing.problem = utcnow(), None, ""
    standing.save()
    if isinstance(owner, Account):
        told("close", SYSTEM, owner)
    return ""


def _locked_owner(standing_id: UUID) -> Owner:
    """Return the owner, locked before its standing, as every door does."""
    row = Standing.objects.only("tenant_id", "account_id").get(pk=standing_id)
    if row.account_id is None:
        tenant: Tenant = Tenant.objects.select_for_update(no_key=True).get(pk=row.tenant_id)
        return tenant
    accounts = Account.objects.select_for_update(no_key=True, of=("self",)).select_related("tenant")
    account: Account = accounts.get(pk=row.account_id)
    return account


def _schedule(actor: Actor, owner: Owner, note: str) -> Standing:
    now = utcnow()
    standing = open_standing(owner) or Standing(**of(owner), since=now, by=actor.name[:160])
    if standing.delete_after is not None:
        return standing
    standing.delete_after = now + timedelta(days=settings.DELETION_UNDO_DAYS)
    standing.reminded_days, standing.due_at = None, now
    standing.note = standing.note or " ".join(note.split())[:500]
    standing.save()
    turn(owner, State.SUSPENDED)
    told("schedule_deletion", actor, owner, delete_after=rfc3339(standing.delete_after), note=note[:500])
    _tell(SCHEDULED, standing, owner)
    return standing


def _undo(actor: Actor, owner: Owner) -> Standing:
    standing = open_standing(owner)
    if standing is None or standing.delete_after is None:
        raise Refused("deletion_not_scheduled", f"No deletion of {owner.name} is scheduled.", status=409)
    if standing.delete_after <= utcnow():
        detail = f"The time to undo the deletion of {owner.name} is over; it has begun."
        raise Refused("deletion_begun", detail, status=409)
    before = rfc3339(standing.delete_after)
    standing.delete_after = standing.reminded_days = None
    standing.due_at = utcnow()
    release(standing, owner)
    told("undo_deletion", actor, owner, delete_after=before)
    return standing


def _tell(kind: str, standing: Standing, owner: Owner) -> None:
    owners = Member.objects.filter(tenant=standing.tenant, role=Role.OWNER).exclude(user__email="")
    noun = "tenant" if isinstance(owner, Tenant) else "account"
    day = f"{standing.delete_after:%d %B %Y}"
    for address in owners.values_list("user__email", flat=True):
        notify(
            to=address,
            kind=kind,
            context={
                "noun": noun,
                "name": owner.name,
                "day": day,
                "link": f"{settings.PUBLIC_URL}/standing/{noun}/{owner.pk}",
            },
            tenant_id=standing.tenant_id,
            dedupe_key=f"{kind}:{standing.pk}:{day}:{standing.reminded_days}:{address}",
        )


def undo_days() -> int:
    """Return how long a deletion can be undone."""
    days: int = settings.DELETION_UNDO_DAYS
    return days
