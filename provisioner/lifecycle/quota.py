"""Whether one more runtime, or a larger one, fits into what its tenant was granted; asked inside the transaction that makes it.

What is used is the sum that the runtimes' own table keeps (see its migration `0004_quota`). `enter` locks it until commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.quota import DIMENSIONS, WORDS, Bounds, Size, default_bounds, shown, size_of
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.isolation import prepared
from controlplane.tenants.models import Account, Tenant
from provisioner.lifecycle import queries
from provisioner.runtimes.models import Runtime


def enter(
    *, tenant_id: UUID, account: str, plan: PlanFacts, region: str, more: Size, of_plan: Size | None = None
) -> Account | None:
    """Return the account by id or slug, with its tenant, when `more` fits; None where the tenant has no such account.

    `of_plan` is what comes new to the plan, where that is not the same: a runtime that moves to it. Who is suspended is the
    caller's to ask. Raises Refused 403: quota_exceeded, region_not_granted.
    """
    book = _open_book(tenant_id, account, plan.key)
    if not book:
        return None
    tenant, found = _owner(tenant_id, book[0])
    if tenant.state == "active" and found.state == "active":  # else they hear of that, not of numbers
        for row in reversed(book):  # of two reasons the nearer one: the plan
            _refuse_excess(row, tenant, plan, region, of_plan or more if row["plan"] else more)
    return found


def owner_of(tenant_id: UUID, account: str) -> Account | None:
    """Return the account by id or slug, with its tenant; nothing is locked: `enter` asks again."""
    found = prepared.rows(queries.OWNER, {"tenant": tenant_id, "slug": account, "id": parse_uuid(account)})
    return _owner(tenant_id, found[0])[1] if found else None


def refuse_growth(runtime: Runtime, plan: PlanFacts, more: Size, *, of_plan: Size | None = None) -> None:
    """Raise Refused 403 quota_exceeded when a runtime may not grow by this much; shrinking is always allowed."""
    if more.grows or of_plan:
        enter(
            tenant_id=runtime.tenant_id,
            account=str(runtime.account_id),
            plan=plan,
            region=runtime.region,
            more=more,
            of_plan=of_plan,
        )


def counted(runtime: Runtime) -> Size:
    """Return what the runtime counts for now."""
    if runtime.quota_vcpu is None or runtime.quota_memory_gib is None or runtime.quota_gpus is None:
        return Size()
    return Size(1, runtime.quota_vcpu, runtime.quota_memory_gib, runtime.quota_gpus)


def count(runtime: Runtime, size: Size) -> None:
    """Write what it counts for onto the row in memory; the database adds it up once the row is written."""
    runtime.quota_vcpu, runtime.quota_memory_gib, runtime.quota_gpus = size.vcpu, size.memory_gib, size.gpus


def wanted_size(runtime: Runtime, plan: PlanFacts) -> Size:
    """Return what the runtime counts for as wanted; one that is to rest, what it counts for already: nothing, once it does."""
    spec = runtime.cluster_spec
    resting = spec.get("hibernated") or spec.get("destroyed")
    return counted(runtime) if resting else size_of(spec, plan)


QUOTA_COLUMNS = ("quota_vcpu", "quota_memory_gib", "quota_gpus")


def _open_book(tenant_id: UUID, account: str, plan: str) -> Sequence[Mapping[str, Any]]:
    wanted = {"tenant": tenant_id, "slug": account, "id": parse_uuid(account), "plan": plan}
    for _ in range(2):
        rows = prepared.rows(queries.OPEN_BOOK, wanted)
        first = [row for row in rows if row["account_id"] == rows[0]["account_id"]]
        if len(first) == 2:  # noqa: PLR2004 - all plans' and the plan's own
            return first
        with connection.cursor() as cursor:
            cursor.execute(queries.BEGIN_BOOK, {"tenant": tenant_id, "plan": plan})
    return ()


def _owner(tenant_id: UUID, row: Mapping[str, Any]) -> tuple[Tenant, Account]:
    tenant = Tenant(
        id=tenant_id,
        slug=row["slug"],
        name=row["name"],
        state=row["state"],
        runtime_quota=row["runtime_quota"],
    )
    columns = ["id", "slug", "name", "state"]
    account: Account = Account.from_db("default", columns, [row[f"account_{name}"] for name in columns])
    account.tenant = tenant
    return tenant, account


def _refuse_excess(row: Mapping[str, Any], tenant: Tenant, plan: PlanFacts, region: str, more: Size) -> None:
    bounds = _bounds(row, tenant, plan)
    if not bounds.allows(region):
        detail = f"Your tenant was granted {', '.join(bounds.regions)}, not {region}; choose one of these, or ask for it."
        raise Refused("region_not_granted", detail, field="parameters.region", status=403)
    used = Size(*(row[name] for name in DIMENSIONS))
    if name := bounds.exceeded(used, more):
        where = f" of plan {plan.key}" if row["plan"] else ""
        detail = (
            f"Your tenant uses {getattr(used, name)} of {shown(name, getattr(bounds, name))}{where}, and this takes "
            f"{getattr(more, name)} more; delete or shrink a runtime, or ask for a higher quota."
        )
        field = "account"
        if name == "runtimes" and row["plan"] and not bounds.runtimes:
            field = "plan"
            detail = f"Your tenant was not granted plan {plan.key}; choose another one, or ask for it."
            if plan.key == settings.TRIAL_PLAN:
                detail = (
                    f"Plan {plan.key} is for trials only: sign up for one at {settings.PUBLIC_URL}/trial, "
                    "or choose another plan."
                )
        elif name == "runtimes":
            detail = (
                f"Your tenant has {used.runtimes} of {bounds.runtimes} {WORDS[name]}{where}; "
                "delete one, or ask for a higher quota."
            )
        raise Refused("quota_exceeded", detail, field=field, status=403)


def _bounds(row: Mapping[str, Any], tenant: Tenant, plan: PlanFacts) -> Bounds:
    """Return what was granted; without a grant, the plan's own default, or the tenant's number of runtimes."""
    if row["is_granted"]:
        regions = tuple(json.loads(row["granted_regions"]))
        return Bounds(**{name: row[f"granted_{name}"] for name in DIMENSIONS}, regions=regions)
    return default_bounds(plan) if row["plan"] else Bounds(runtimes=tenant.runtime_quota)
