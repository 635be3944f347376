"""Months whose statement is sealed: what is agreed afterwards begins after them."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.db.models import Max

from billing.books import queries
from billing.usage.models import Sealed
from controlplane.kernel.errors import Refused


def refuse_backdated(tenant_id: UUID, starts: date) -> None:
    """Raise Refused 409 months_sealed where a statement from `starts` on is sealed; none is, until the transaction ends."""
    queries.lock_statements(tenant_id)
    last = Sealed.objects.filter(tenant=tenant_id, month__gte=starts).aggregate(last=Max("month"))["last"]
    if last is None:
        return
    following = (last + timedelta(days=31)).replace(day=1)
    detail = (
        f"The statement of {last:%B %Y} is sealed, and what is agreed now does not change it. Begin on {following} or later, "
        "and give back what earlier months should have cost less as a credit in the next statement."
    )
    raise Refused("months_sealed", detail, field="starts", status=409)
