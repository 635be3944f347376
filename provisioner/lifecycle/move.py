"""Move an account to another tenant: its runtimes and their operations go along, what they cost until now does not."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction

from controlplane.catalog.facts import load_plan_facts, snapshot
from controlplane.catalog.quota import Size
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.access_models import AccountMove
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Account, Tenant
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle import queries
from provisioner.lifecycle.admission import require
from provisioner.lifecycle.locks import lock_runtimes_of, lock_tenants, lock_usage_of
from provisioner.lifecycle.quota import counted, enter
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.runtimes.models import Runtime

LONGEST_REASON = 300
# Rooms above fill in what of theirs goes along; it is called inside the transaction, with account, old and new tenant.
carried: list[Callable[[Account, Tenant, Tenant], None]] = []


def move_account(*, actor: Actor, account_id: UUID, from_slug: str, to_slug: str, reason: str) -> Account:
    """Return the account in its new tenant; the names of both guard against the wrong one.

    The audit trail stays where things happened, and `AccountMove` says from when on costs are the new tenant's. While an
    operation is open nothing moves: a worker holds what it read. Raises Refused: account_not_found 404, forbidden 403,
    tenant_wrong 409, tenant_unknown, tenant_suspended 403, account_suspended 403, slug_taken 409, operations_open 409,
    quota_exceeded 403, reason_missing.
    """
    if not actor.sees_every_tenant:
        require(actor, Permission.ACCOUNT_MOVE, tenant_id=_own(actor))
    with platform_scope(), transaction.atomic():
        return _move(actor, account_id, from_slug, to_slug, " ".join(reason.split()))


def _own(actor: Actor) -> UUID:
    if actor.tenant_id is None:
        raise Refused("forbidden", "Only platform admins move accounts; ask one.", status=403)
    return actor.tenant_id


def _move(actor: Actor, account_id: UUID, from_slug: str, to_slug: str, reason: str) -> Account:
    account: Account | None = Account.objects.select_related("tenant").filter(pk=account_id).first()
    if account is None:
        raise Refused("account_not_found", f"There is no account {account_id}.", status=404)
    require(actor, Permission.ACCOUNT_MOVE, tenant_id=account.tenant_id)
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        detail = f"reason must say in 1 to {LONGEST_REASON} characters why the account moves."
        raise Refused("reason_missing", detail, field="reason")
    source, target = _locked(account, from_slug, to_slug)
    _check(account, target)
    with connection.cursor() as cursor:
        cursor.execute(queries.TENANT_FOLLOWS)
    if Account.objects.filter(pk=account.pk, tenant=source).update(tenant=target) != 1:
        raise _elsewhere(account.slug, from_slug)
    _fit(account, target)
    moved = Runtime.objects.filter(account=account).update(tenant=target)
    Operation.objects.filter(runtime__account=account).update(tenant=target)
    OperationAttempt.objects.filter(operation__runtime__account=account).update(tenant=target)
    account.tenant = target
    AccountMove.objects.create(
        account=account,
        tenant=source,
        to_tenant=target,
        at=utcnow(),
        moved_by=actor.name[:160],
        reason=reason,
    )
    for carry in carried:
        carry(account, source, target)
    _note(actor, account, source, target, {"reason": reason, "runtimes": moved})
    return account


def _locked(account: Account, from_slug: str, to_slug: str) -> tuple[Tenant, Tenant]:
    """Return both tenants, with the account's runtimes and their usage locked before them, as `locks` says."""
    held = lock_runtimes_of(account)
    ids = list(Tenant.objects.filter(slug__in=[from_slug, to_slug]).values_list("pk", flat=True))
    lock_usage_of(ids)
    found = lock_tenants(ids)
    account.refresh_from_db(fields=["tenant", "state"])
    if from_slug not in found or found[from_slug].pk != account.tenant_id:
        raise _elsewhere(account.slug, from_slug)
    if to_slug not in found or to_slug == from_slug:
        detail = (
            f"There is no other tenant “{to_slug[:64]}”; write the slug of the one that gets the account."
        )
        raise Refused("tenant_unknown", detail, field="to")
    late = Runtime.objects.filter(account=account, deleted_at__isnull=True).exclude(pk__in=held).count()
    if late:  # not locked, and too late to: usage comes after runtimes
        raise _busy(late)
    return found[from_slug], found[to_slug]


def _check(account: Account, target: Tenant) -> None:
    refuse_suspended(target, account)
    if Account.objects.filter(tenant=target, slug=account.slug).exists():
        detail = f"{target.name} has an account “{account.slug}” already, and slugs stay; it can't have two."
        raise Refused("slug_taken", detail, field="to", status=409)
    busy = Operation.objects.filter(runtime__account=account, slot__isnull=False).count()
    if busy:
        raise _busy(busy)


def _fit(account: Account, target: Tenant) -> None:
    """Raise Refused unless the target was granted what comes; it has the account by now, but not its runtimes."""
    catalog = snapshot()
    present = list(Runtime.objects.filter(account=account, deleted_at__isnull=True))
    sizes = {runtime.pk: counted(runtime) for runtime in present}
    everything = sum(sizes.values(), Size())
    for plan in sorted({runtime.plan_id for runtime in present}):
        of_plan = [runtime for runtime in present if runtime.plan_id == plan]
        for region in sorted({runtime.region for runtime in of_plan}):
            try:
                enter(
                    tenant_id=target.id,
                    account=str(account.id),
                    plan=load_plan_facts(plan, catalog),
                    region=region,
                    more=everything,
                    of_plan=sum((sizes[runtime.pk] for runtime in of_plan), Size()),
                )
            except Refused as refusal:
                detail = f"{target.name} was not granted what the account has, so raise its quota first. {refusal.detail}"
                raise Refused(refusal.code, detail, field="to", status=refusal.status) from refusal


def _busy(number: int) -> Refused:
    detail = f"{number} operations of the account are open; wait until they end, or cancel them."
    return Refused("operations_open", detail, status=409, retry_after_seconds=60)


def _elsewhere(slug: str, tenant: str) -> Refused:
    detail = f"Account {slug} is not in a tenant “{tenant[:64]}”; read it again."
    return Refused("tenant_wrong", detail, field="from", status=409)


def _note(actor: Actor, account: Account, source: Tenant, target: Tenant, facts: dict[str, object]) -> None:
    """Tell both tenants, each in its own trail."""
    for tenant in (source, target):
        audit.record(
            "account.move",
            actor=actor,
            tenant_id=tenant.id,
            target_type="account",
            target_id=account.id,
            changes={"tenant": {"before": source.slug, "after": target.slug}, **facts},
        )
