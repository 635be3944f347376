"""Months that are sealed, and what changed in them afterwards: what statements turn into corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Max, QuerySet

from billing.usage.models import Dirty, DirtyDay, Late, Sealed
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


def is_settled(month: date, following: date) -> bool:
    """Whether every day of [month, following) is made of all that is known: nothing of it waits to be computed."""
    return not (
        _waiting(month, following).exists()
        or DirtyDay.objects.filter(day__gte=month, day__lt=following).exists()
    )


def unmade(month: date, following: date) -> list[datetime]:
    """Return the hours of [month, following) that could not be made when that was last tried, oldest first."""
    failed = _waiting(month, following).filter(failures__gt=0)
    return list(failed.order_by("hour").values_list("hour", flat=True).distinct())


def _waiting(month: date, following: date) -> QuerySet[Dirty]:
    return Dirty.objects.filter(hour__gte=start_of(month), hour__lt=start_of(following))
