"""What a tenant's month emits so far, and by its end: estimates of the footprint's days that are over, in grams of CO2e."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Sum

from billing.costs.forecasting import WINDOW_DAYS, TooLittle, forecast
from billing.footprint.models import PARTS, FootprintDay
from billing.pricing.periods import month_of

ZERO = Decimal(0)
Interval = tuple[Decimal, Decimal, Decimal]  # expected, low, high


WHOLE = sum((F(f"carbon_{part}") for part in PARTS), F("carbon_storage"))  # milligrams


class Emitted(NamedTuple):
    """What one account's runtimes emitted on a day, in grams."""

    day: date
    account: str
    grams: Decimal


def emitted(tenant_id: UUID, first: date, last: date) -> Iterator[Emitted]:
    """Return what was emitted on the days [first, last) that are over; by the footprints' index of tenants and days."""
    rows = FootprintDay.objects.filter(tenant=tenant_id, day__gte=first, day__lt=last)
    for day, account, milligrams in (
        rows.values("day", "account").annotate(whole=Sum(WHOLE)).values_list("day", "account", "whole")
    ):
        yield Emitted(day, str(account), Decimal(milligrams) / 1000)


def carbon_month(*, tenant_id: UUID, moment: datetime, now: datetime) -> dict[str, Decimal]:
    """Return the grams of the month of a moment by account, "" for all together."""
    period = month_of(moment)
    last = min(period.end.date(), now.date())
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in emitted(tenant_id, period.start.date(), last):
        sums[row.account] += row.grams
        sums[""] += row.grams
    return dict(sums)


def carbon_outlook(*, tenant_id: UUID, now: datetime) -> dict[str, Interval]:
    """Return what the month that goes on will have emitted, by account; nothing of those with too little history."""
    period, today = month_of(now), now.date()
    days: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in emitted(tenant_id, today - timedelta(days=WINDOW_DAYS + 1), today):
        days[row.account][row.day] += row.grams
        days[""][row.day] += row.grams
    so_far = carbon_month(tenant_id=tenant_id, moment=now, now=now)
    ahead = {today + timedelta(days=number): Decimal(1) for number in range((period.end.date() - today).days)}
    found: dict[str, Interval] = {}
    for account, history in days.items():
        told = forecast(history, ahead)
        if not isinstance(told, TooLittle):
            spent = so_far.get(account, ZERO)
            found[account] = (spent + told.expected, spent + told.low, spent + told.high)
    return found
