"""A tenant's usage of a month as rating takes it, from the days of the usage store."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from billing.meters.registry import unbilled
from billing.pricing.gathering import bills_inferred, pieces_of
from billing.pricing.types import Terms, UsageItem
from billing.usage.reading import Used, used


def usage_items(*, tenant_id: UUID, terms: Terms) -> list[UsageItem]:
    """Return what a tenant used on the month's days that are over: by day where prices or credits change, else by month.

    Inferred usage, and its time, is left out, unless the book in force then bills it: as on statements.
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
    inferring = any(segment.book.bills_inferred for segment in terms.segments)
    free = unbilled()
    return [
        _item(row, inferred=inferring and bills_inferred(terms, row.plan, row.start))
        for row in rows
        if row.meter not in free
    ]


def _item(row: Used, *, inferred: bool) -> UsageItem:
    return UsageItem(
        str(row.account),
        str(row.runtime),
        row.plan,
        row.region,
        row.meter,
        row.dimension,
        row.start,
        row.end,
        row.quantity + (row.inferred if inferred else 0),
        row.observed_seconds + (row.inferred_seconds if inferred else 0),
        row.alive_seconds,
    )
