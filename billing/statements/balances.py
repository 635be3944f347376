"""What is left of a tenant's credits for a month that is not sealed: what goes on elsewhere is about to draw it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from billing.books.models import CreditGrant
from billing.pricing.types import Terms
from billing.statements.inputs import available
from billing.statements.models import State, Statement


def as_drafted(terms: Terms, *, tenant_id: UUID, month: date) -> Terms:
    """Return a month's terms with as much of each credit as its draft would find; two statements, none without credits.

    Gone is what sealed statements drew, what drafts of earlier months are about to draw, and what corrections in the month's own
    draft draw before it. A month whose statement is sealed keeps what it had.
    """
    if not terms.grants:
        return terms
    rows = Statement.objects.filter(Q(state=State.DRAFT, month__lt=month) | Q(month=month), tenant=tenant_id)
    taken: dict[str, Decimal] = {}
    for row in rows.only("month", "state", "drawn", "redrawn"):
        if row.state == State.SEALED:
            return terms
        about = (
            [(entry["grant"], Decimal(entry["drawn"])) for entry in row.drawn]
            if row.month < month
            else [(entry["grant"], max(Decimal(entry["by"]), Decimal(0))) for entry in row.redrawn]
        )
        for grant, amount in about:
            taken[grant] = taken.get(grant, Decimal(0)) + amount
    grants = CreditGrant.objects.filter(pk__in=[UUID(grant.id) for grant in terms.grants])
    left = {str(pk): amount - drawn for pk, amount, drawn in grants.values_list("pk", "amount", "drawn")}
    return available(terms, {grant: amount - taken.get(grant, Decimal(0)) for grant, amount in left.items()})
