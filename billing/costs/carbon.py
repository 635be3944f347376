"""What a tenant's month emits so far, and by its end: estimates of the footprint's days that are over, in grams of CO2e."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet, Sum

from billing.costs.forecasting import WINDOW_DAYS, TooLittle, forecast_each
from billing.costs.living import known_empty, living
from billing.costs.months import Known, Life
from billing.footprint.models import PARTS, FootprintDay
from billing.pricing.periods import month_of
from billing.usage.slots import DAY

ZERO = Decimal(0)
Interval = tuple[Decimal, Decimal, Decimal]  # expected, low, high


WHOLE = sum((F(f"carbon_{part}") for part in PARTS), F("carbon_storage"))  # milligrams


class Emitted(NamedTuple):
    """What one runtime emitted on a day, in grams, and how long it lived on it."""

    day: date
    account: str
    runtime: str
    seconds: int
    grams: Decimal


def emitted(tenant_id: UUID, first: date, last: date) -> list[Emitted]:
    """Return what was emitted on the days [first, last) that are over; by the footprints' index of tenants and days."""
    rows = _days(tenant_id, first, last).values("day", "account", "runtime")
    sums = rows.annotate(seconds=Sum("alive_seconds"), whole=Sum(WHOLE))
    return [
        Emitted(day, str(account), str(runtime), int(seconds), Decimal(milligrams) / 1000)
        for day, account, runtime, seconds, milligrams in sums.values_list(
            "day", "account", "runtime", "seconds", "whole"
        )
    ]


def carbon_month(*, tenant_id: UUID, moment: datetime, now: datetime) -> dict[str, Decimal]:
    """Return the grams of the month of a moment by account, "" for all together."""
    period = month_of(moment)
    rows = _days(tenant_id, period.start.date(), min(period.end.date(), now.date())).values("account")
    found = {
        str(account): Decimal(milligrams) / 1000
        for account, milligrams in rows.annotate(whole=Sum(WHOLE)).values_list("account", "whole")
    }
    return {**found, "": sum(found.values(), ZERO)} if found else {}


def carbon_outlook(*, tenant_id: UUID, now: datetime) -> dict[str, Interval]:
    """Return what the month that goes on will have emitted, by account; nothing where there is too little history."""
    period, today = month_of(now), now.date()
    first = min(period.start.date(), today - timedelta(days=WINDOW_DAYS + 1))
    rows = emitted(tenant_id, first, today)
    return outlook_of(rows, first=period.start.date(), end=period.end.date(), today=today)


def outlook_of(rows: Sequence[Emitted], *, first: date, end: date, today: date) -> dict[str, Interval]:
    """Return what the month [first, end) will have emitted by account, "" for all: accounts add up, each errs by itself. Pure."""
    history = history_of(rows, today=today)
    begin = max(first, max(history, default=today) + DAY)  # of yesterday nothing may be known yet
    ahead = {begin + number * DAY: Decimal(1) for number in range((end - begin).days)}
    told = forecast_each(history, ahead)
    if isinstance(told, TooLittle):
        return {}
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.day >= first:
            spent[row.account] += row.grams
            spent[""] += row.grams
    found, each = told
    return {
        account: (spent[account] + one.expected, spent[account] + one.low, spent[account] + one.high)
        for account, one in {**each, "": found}.items()
    }


def history_of(rows: Sequence[Emitted], *, today: date) -> dict[date, dict[str, Decimal]]:
    """Return what each account's runtimes that count emitted, from the first known day to the last; zero without a row."""
    lives = [Life(row.day, row.account, row.runtime, Known(observed=row.seconds)) for row in rows]
    worths: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        worths[row.day, row.runtime] += row.grams
    counted = living(lives, worths, today=today)
    accounts, known = {row.account for row in rows}, {row.day for row in rows}
    history: dict[date, dict[str, Decimal]] = {}
    day = min(known, default=today)
    while day < today:
        if day in known or known_empty(day, today):
            history[day] = dict.fromkeys(accounts, ZERO)
        day += DAY
    for row in rows:
        if share := counted.share(row.runtime, row.day):
            history[row.day][counted.last[row.runtime]] += row.grams * share
    return history


def _days(tenant_id: UUID, first: date, last: date) -> QuerySet[FootprintDay]:
    return FootprintDay.objects.filter(tenant=tenant_id, day__gte=first, day__lt=last)
