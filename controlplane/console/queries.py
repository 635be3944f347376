"""What pages ask of the database: a constant number of statements each, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Count, Model, QuerySet

from controlplane.catalog.facts import snapshot
from controlplane.console.filters import Filters
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.models import Account
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.querysets import RuntimeQuerySet

PAGE_SIZE = 25
# Rides on the primary key and operation_of_runtime.
_STAMP = """
SELECT r.xmin || '/' || r.ctid, (SELECT string_agg(o.version, ',') FROM (
    SELECT xmin || '/' || ctid AS version FROM operations_operation WHERE runtime_id = r.id ORDER BY id DESC LIMIT 2) o)
FROM runtimes_runtime r WHERE r.id = %(runtime)s"""
Row = TypeVar("Row", bound=Model)


def visible_runtimes(actor: Actor) -> RuntimeQuerySet:
    """The runtimes of the actor's tenant, or of every tenant for the platform's team."""
    rows = Runtime.objects.all()
    return rows if actor.sees_every_tenant else rows.of(_tenant_of(actor))


def visible_operations(actor: Actor) -> QuerySet[Operation]:
    """The operations of the actor's tenant, or of every tenant for the platform's team."""
    rows: QuerySet[Operation] = Operation.objects.all()
    return rows if actor.sees_every_tenant else rows.filter(tenant=_tenant_of(actor))


def visible_accounts(actor: Actor) -> QuerySet[Account]:
    """The accounts of the actor's tenant, or of every tenant for the platform's team."""
    rows: QuerySet[Account] = Account.objects.order_by("tenant__slug", "slug").select_related("tenant")
    return rows if actor.sees_every_tenant else rows.filter(tenant=_tenant_of(actor))


def _tenant_of(actor: Actor) -> UUID:
    if actor.tenant_id is None:
        raise Refused("forbidden", "You belong to no tenant; ask an admin of one to add you.", status=403)
    return actor.tenant_id


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list; `newer` and `older` are the ids at its edges, or empty at the list's ends."""

    rows: Sequence[Row]
    newer: str
    older: str


def newest_first(found: QuerySet[Row], *, after: UUID | None, before: UUID | None) -> Page[Row]:
    """The page behind `after`, or the one in front of `before`, by keyset on the id."""
    if before:  # towards newer ones, so read upward and turn round
        rows = list(found.filter(pk__gt=before).order_by("pk")[: PAGE_SIZE + 1])
        more_newer, more_older = len(rows) > PAGE_SIZE, True
        rows = rows[:PAGE_SIZE][::-1]
    else:
        if after:
            found = found.filter(pk__lt=after)
        rows = list(found.order_by("-pk")[: PAGE_SIZE + 1])
        more_newer, more_older = bool(after), len(rows) > PAGE_SIZE
        rows = rows[:PAGE_SIZE]
    return Page(
        rows,
        newer=str(rows[0].pk) if rows and more_newer else "",
        older=str(rows[-1].pk) if rows and more_older else "",
    )


def runtime_page(actor: Actor, filters: Filters) -> Page[Runtime]:
    """The runtimes that fit (rides on runtime_pages_of_tenant)."""
    rows = filters.narrow(visible_runtimes(actor)).select_related("account", "plan", "tenant")
    found = rows.defer("spec", "plan__definition")  # large, and no row of the list shows them
    return newest_first(found, after=filters.after, before=filters.before)


def operation_page(runtime: Runtime, *, after: UUID | None, before: UUID | None) -> Page[Operation]:
    """What was ever done to a runtime (rides on operation_of_runtime)."""
    return newest_first(Operation.objects.filter(runtime=runtime), after=after, before=before)


def open_operations(runtime_ids: Sequence[UUID]) -> dict[UUID, Operation]:
    """The active operation of each runtime that has one (rides on operation_one_per_slot)."""
    rows = Operation.objects.filter(runtime__in=runtime_ids, slot="active")
    return {row.runtime_id: row for row in rows}


def count_by_phase(actor: Actor) -> dict[str, int]:
    """How many present runtimes stand in each phase (rides on runtime_phases_of_tenant)."""
    rows = visible_runtimes(actor).present().order_by().values("phase").annotate(number=Count("id"))
    return {row["phase"]: row["number"] for row in rows}


def regions_in_use(actor: Actor) -> list[str]:
    """Regions that present runtimes stand in, for the filter."""
    return list(
        visible_runtimes(actor).present().order_by("region").values_list("region", flat=True).distinct()
    )


def plan_choices() -> list[tuple[str, str]]:
    """Every plan that a runtime may have, in the catalog's order."""
    return [(plan.key, plan.name) for plan in snapshot().plans.values()]


def runtimes_per_account(actor: Actor) -> dict[UUID, int]:
    """How many present runtimes each account has."""
    rows = visible_runtimes(actor).present().order_by().values("account").annotate(number=Count("id"))
    return {row["account"]: row["number"] for row in rows}


def the_runtime(actor: Actor, runtime_id: UUID) -> Runtime:
    """Return one runtime; raises Refused (404) alike for one that is not there and one of another tenant."""
    found: Any = visible_runtimes(actor).select_related("account", "plan", "tenant", "landscape")
    row: Runtime | None = found.filter(id=runtime_id).first()
    if row is None:
        raise Refused(
            "runtime_not_found", "There is no such runtime, or it belongs to another tenant.", status=404
        )
    return row


def stamp_of(runtime_id: UUID) -> str:
    """What changes whenever the runtime's row or one of its newest operations does; one statement over two indexes."""
    with connection.cursor() as cursor:
        cursor.execute(_STAMP, {"runtime": runtime_id})
        row = cursor.fetchone()
    return f"{runtime_id}:{row[0]}:{row[1]}" if row else ""


def the_operation(actor: Actor, operation_id: UUID) -> Operation:
    """Return one operation with its runtime; raises Refused (404) like `the_runtime`."""
    found = visible_operations(actor).select_related("runtime__account", "runtime__plan", "tenant")
    row = found.filter(id=operation_id).first()
    if row is None:
        raise Refused(
            "operation_not_found", "There is no such operation, or it belongs to another tenant.", status=404
        )
    return row
