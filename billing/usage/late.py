"""Months that are sealed, and what changed in them afterwards: what statements turn into corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import Max

from billing.usage.models import Dirty, DirtyDay, Late, Sealed
from billing.usage.rolling_queries import FAILED_OF_TENANT
from billing.usage.slots import start_of


@dataclass(frozen=True)
class LateDays:
    """The days of a sealed month that came out different since, and the newest row that says so."""

    days: tuple[date, ...]
    sources: int
    newest: int


def seal_month(*, tenant_id: UUID, month: date) -> None:
    """Say that a tenant's statement for a month is sealed, in the transaction that seals it; a second time does nothing.

    Raises ValueError for a day that does not begin a month.
    """
    if month.day != 1:
        raise ValueError(f"{month} does not begin a month.")
    Sealed.objects.get_or_create(tenant_id=tenant_id, month=month)


def late_days(*, tenant_id: UUID, month: date) -> LateDays | None:
    """Return what changed in a month after it was sealed, or None."""
    rows = Late.objects.filter(tenant_id=tenant_id, month=month)
    newest = rows.aggregate(newest=Max("id"))["newest"]
    if newest is None:
        return None
    days = tuple(sorted(set(rows.values_list("day", flat=True))))
    return LateDays(days, rows.values("source").distinct().count(), newest)


def months_with_late(*, limit: int = 1000) -> Sequence[tuple[UUID, date]]:
    """Return tenants and months that wait for a correction."""
    return list(Late.objects.order_by("month").values_list("tenant_id", "month").distinct()[:limit])


def settle(*, tenant_id: UUID, month: date, newest: int) -> int:
    """Forget what a correction has answered, up to the newest row that it knew; in the correction's transaction."""
    return Late.objects.filter(tenant_id=tenant_id, month=month, id__lte=newest).delete()[0]


def is_settled(month: date, following: date, tenant_id: UUID) -> bool:
    """Whether every day of [month, following) is made of all that is known of a tenant: nothing of it waits to be computed.

    What could not be made when that was last tried counts only for the tenants of the runtimes that it fails for.
    """
    # In the order in which a mark moves on: what was made in between is seen as a day's.
    return not (
        Dirty.objects.filter(hour__gte=start_of(month), hour__lt=start_of(following), failures=0).exists()
        or unmade(month, following, tenant_id)
        or DirtyDay.objects.filter(day__gte=month, day__lt=following).exists()
    )


def unmade(month: date, following: date, tenant_id: UUID) -> list[datetime]:
    """Return the hours of [month, following) that could not be made for a tenant's runtimes when last tried, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(FAILED_OF_TENANT, [start_of(month), start_of(following), tenant_id])
        return [hour for (hour,) in cursor.fetchall()]
