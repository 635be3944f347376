"""What must hold before a wish is accepted: the role, the state of tenant and account, the quota."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db.models import F

from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.quota import Size
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices
from controlplane.tenants import rights
from controlplane.tenants.access import SYSTEM, Actor, Permission
from controlplane.tenants.models import Account, State, Tenant
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle.quota import enter, owner_of
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase


def require(actor: Actor, permission: Permission, *, tenant_id: UUID) -> None:
    """Raise Refused 403 unless the actor may do this in the tenant; what the system does follows from what people did."""
    if actor is not SYSTEM:
        rights.require(actor, permission, tenant_id=tenant_id)


def admit(*, tenant: Tenant, account: str, plan: PlanFacts, region: str, size: Size) -> Account:
    """Return the account by id or slug, if it may start one more runtime of this size; its tenant's usage is locked until commit.

    Raises Refused: account_unknown 422, tenant_suspended 403, account_suspended 403, quota_exceeded 403, region_not_granted 403.
    """
    return _working(
        tenant, account, enter(tenant_id=tenant.id, account=account, plan=plan, region=region, more=size)
    )


def recognise(*, tenant: Tenant, account: str) -> Account:
    """Return the account by id or slug as it is now, nothing locked; raises Refused as `admit` does, but for quota and region."""
    return _working(tenant, account, owner_of(tenant.id, account))


def _working(tenant: Tenant, account: str, found: Account | None) -> Account:
    if found is None:
        refuse_suspended(Tenant.objects.get(pk=tenant.id))
        raise _no_such_account(tenant, account)
    refuse_suspended(found.tenant, found)
    return found


def _no_such_account(tenant: Tenant, account: str) -> Refused:
    known = Account.objects.filter(tenant=tenant, state=State.ACTIVE).order_by("slug")
    slugs = list(known.values_list("slug", flat=True))
    detail = f"Your tenant has no account “{account}”. " if account else ""
    detail += choices(slugs, account) if slugs else "Ask an admin of your tenant to create one."
    return Refused("account_unknown", detail, field="account")


def locked_runtime(
    *, actor: Actor, permission: Permission, runtime_id: UUID, revision: int | None
) -> Runtime:
    """Return the runtime, locked until commit, if the actor may change it and knows its newest revision (None: any).

    A suspended tenant's too: what may still be done with it, the door says (`tenants.suspension`).
    Raises Refused: runtime_not_found 404, forbidden 403, runtime_gone 409, stale_revision 412.
    """
    found = locked_runtimes(actor=actor, permission=permission, revisions={runtime_id: revision})[runtime_id]
    if isinstance(found, Refused):
        raise found
    return found


def locked_runtimes(
    *, actor: Actor, permission: Permission, revisions: Mapping[UUID, int | None]
) -> dict[UUID, Runtime | Refused]:
    """Return these runtimes, locked until commit in the order of their keys, or what `locked_runtime` raises for each."""
    rows = Runtime.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "tenant", "account", "landscape", "plan"
    )
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    there = {runtime.pk: runtime for runtime in rows.filter(pk__in=list(revisions)).order_by("pk")}
    found: dict[UUID, Runtime | Refused] = {}
    for key, revision in revisions.items():
        try:
            found[key] = _changeable(there.get(key), key, actor, permission, revision)
        except Refused as refused:
            found[key] = refused
    return found


def _changeable(
    runtime: Runtime | None, key: UUID, actor: Actor, permission: Permission, revision: int | None
) -> Runtime:
    if runtime is None:
        raise Refused("runtime_not_found", f"There is no runtime {key}.", status=404)
    require(actor, permission, tenant_id=runtime.tenant_id)
    if runtime.phase == Phase.DEPROVISIONED:
        raise Refused(
            "runtime_gone", f"Runtime {runtime.name} is deprovisioned; create a new one.", status=409
        )
    if revision is not None and revision != runtime.revision:
        raise stale(runtime)
    return runtime


def stale(runtime: Runtime) -> Refused:
    """Return the refusal of a change to a runtime that the caller does not know as it is now."""
    detail = f"Runtime {runtime.name} was changed since you read it; read it again, then repeat your change."
    return Refused("stale_revision", detail, status=412)


def write(runtime: Runtime, *fields: str) -> None:
    """Write these fields of the row as its next revision; raises Refused 412 when somebody wrote one in between."""
    wanted = {name: getattr(runtime, name) for name in fields}
    row = Runtime.objects.filter(pk=runtime.pk, revision=runtime.revision)
    if row.update(**wanted, revision=F("revision") + 1, updated_at=utcnow()) != 1:
        raise stale(runtime)
    runtime.revision += 1
