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


def nobodys_of(bills: QuerySet[ProviderBill]) -> list[Nobodys]:
    """Return what no runtime owns of some bills, the dearest first, at most a hundred."""
    ids = list(bills.values_list("pk", flat=True))
    return [Nobodys(*row) for row in queries.rows(OF_NOBODY, [ids, MOST])]
