"""A tenant's usage of a month as rating takes it, from the days of the usage store."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from billing.pricing.gathering import pieces_of
from billing.pricing.types import Terms, UsageItem
from billing.usage.reading import Used, used


def usage_items(*, tenant_id: UUID, terms: Terms) -> list[UsageItem]:
    """Return what a tenant used on the month's days that are over: by day where prices or credits change, else by month.

    Inferred usage is left out, unless every book that prices the plan bills it.
    """
    rows = used(
        tenant_id=tenant_id,
        first=terms.month.start.date(),
        last=terms.month.end.date(),
        by_day=len(pieces_of(terms)) > 1,
    )
    return items_of(rows, terms)


def items_of(rows: Iterable[Used], terms: Terms) -> list[UsageItem]:
    """Return what was read of the usage store as rating takes it; inferred usage as `usage_items` has it."""
    billed = {plan for plan in _plans(terms) if _bills_inferred(terms, plan)}
    rest = _bills_inferred(terms, None)
    named = _plans(terms)
    return [
        UsageItem(
            str(row.account),
            str(row.runtime),
            row.plan,
            row.region,
            row.meter,
            row.dimension,
            row.start,
            row.end,
            row.quantity + (row.inferred if row.plan in billed or (rest and row.plan not in named) else 0),
            row.observed_seconds,
            row.alive_seconds,
        )
        for row in rows
    ]


def _plans(terms: Terms) -> set[str]:
    return {plan for segment in terms.segments for plan in segment.plans or ()}


def _bills_inferred(terms: Terms, plan: str | None) -> bool:
    books = [
        segment.book
        for segment in terms.segments
        if (plan in segment.plans if segment.plans else plan is None)
    ]
    return bool(books) and all(book.bills_inferred for book in books)
