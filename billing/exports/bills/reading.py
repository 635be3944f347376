"""What providers billed, opened: by kind of cost, and what no runtime owns, the dearest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet, Sum

from billing.exports import queries
from billing.exports.models import ProviderBill, ProviderCost
from billing.exports.services import require_finance
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor

MOST = 100

# What nobody owns of some bills, summed up by resource; by the index of what nobody owns.
OF_NOBODY = """
SELECT b.provider, b.currency, c.meter_group, c.product, c.resource, min(c.day), max(c.day), sum(c.amortized)
FROM exports_providercost c JOIN exports_providerbill b ON b.id = c.bill_id
WHERE c.bill_id = ANY(%s) AND c.runtime IS NULL
GROUP BY 1, 2, 3, 4, 5 ORDER BY 8 DESC, 1, 3, 4, 5 LIMIT %s
"""


# What the runtimes of some bills cost of one kind, the dearest first; by the index of a bill's days.
OF_RUNTIMES = """
SELECT c.runtime, coalesce(r.name, ''), coalesce(t.slug, ''), count(DISTINCT c.day), sum(c.amortized)
FROM exports_providercost c LEFT JOIN runtimes_runtime r ON r.id = c.runtime LEFT JOIN tenants_tenant t ON t.id = r.tenant_id
WHERE c.bill_id = %s AND c.meter_group = %s AND c.runtime IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1 LIMIT %s
"""


@dataclass(frozen=True)
class Owned:
    """What one runtime cost of one kind; its name and tenant are empty where it was forgotten."""

    runtime: UUID
    name: str
    tenant: str
    days: int
    amount: Decimal


@dataclass(frozen=True)
class Nobodys:
    """One resource that no tag and no name leads to a runtime; days are inclusive."""

    provider: str
    currency: str
    meter_group: str
    product: str
    resource: str
    first: date
    last: date
    amount: Decimal


def visible_bills(actor: Actor) -> QuerySet[ProviderBill]:
    """Return the bills; raises Refused forbidden."""
    require_finance(actor)
    return ProviderBill.objects.all()


def the_bill(actor: Actor, bill_id: UUID) -> ProviderBill:
    """Return one; raises Refused forbidden 403, bill_not_found 404."""
    row = visible_bills(actor).filter(pk=bill_id).first()
    if row is None:
        raise Refused("bill_not_found", f"There is no bill {bill_id}.", status=404)
    return row


def groups_of(row: ProviderBill) -> list[tuple[str, Decimal, Decimal]]:
    """Return (kind of cost, of runtimes, of nobody) in the bill's currency; together they are its amount."""
    found: dict[str, list[Decimal]] = {}
    costs = ProviderCost.objects.filter(bill=row).order_by()
    sums = costs.values_list("meter_group", ExpressionWrapper(Q(runtime=None), BooleanField())).annotate(
        Sum("amortized")
    )
    for group, nobodys, amount in sums:
        found.setdefault(group, [Decimal(0), Decimal(0)])[bool(nobodys)] += amount
    dearest = sorted(found.items(), key=lambda one: -sum(one[1]))
    return [(group, owned, nobodys) for group, (owned, nobodys) in dearest]


def owned_of(row: ProviderBill, group: str) -> list[Owned]:
    """Return what runtimes cost of one kind in a bill, the dearest first, at most a hundred."""
    return [Owned(*found) for found in queries.rows(OF_RUNTIMES, [row.pk, group, MOST])]


def costs_of(row: ProviderBill, group: str, runtime: UUID) -> QuerySet[ProviderCost]:
    """Return what was booked of a runtime and kind in a bill, day by day: the rows behind its amount."""
    found: QuerySet[ProviderCost] = ProviderCost.objects.filter(bill=row, meter_group=group, runtime=runtime)
    return found.order_by("day", "product", "resource", "pk")


def nobodys_of(bills: QuerySet[ProviderBill]) -> list[Nobodys]:
    """Return what no runtime owns of some bills, the dearest first, at most a hundred."""
    ids = list(bills.values_list("pk", flat=True))
    return [Nobodys(*row) for row in queries.rows(OF_NOBODY, [ids, MOST])]
