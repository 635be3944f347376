"""What the month will have cost at its end: the use that is expected of its remaining days, rated with the same engine.

So tiers, credits, commitments and a price that changes before the month's end are in it. How much use is expected says
`forecasting`; who uses it, the last day that is known: what was removed since is gone, what is new is in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from billing.books.services import load_market
from billing.costs.caching import digest_of, kept
from billing.costs.forecasting import WINDOW_DAYS, Forecast, TooLittle, forecast
from billing.costs.months import ZERO, Life, Material, Month, load, rated_month, together
from billing.pricing.periods import month_of
from billing.pricing.rating import rate
from billing.pricing.types import Line, UsageItem
from billing.usage.slots import start_of
from controlplane.kernel.errors import Refused

WELL_KNOWN = Decimal("0.8")  # of a day's time, before it may say what days are like
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Expected:
    """What a month will have cost, and what of it each account; between `low` and `high` four times out of five."""

    expected: Decimal
    low: Decimal
    high: Decimal
    days: Mapping[date, Decimal]  # of what is to come, each day's use at contracted prices
    accounts: Mapping[str, tuple[Decimal, Decimal, Decimal]]  # expected, low, high
    known_days: int
    by_weekday: bool


Outlook = Expected | TooLittle


def month_outlook(
    *, tenant_id: UUID, now: datetime, material: Material | None = None, month: Month | None = None
) -> Outlook:
    """Return the outlook of the month that goes on; what was made of the same before is not made again."""
    material = material or load(tenant_id=tenant_id, moment=now, now=now)
    month = month or rated_month(material, tenant_id=tenant_id)
    earlier = _material_before(tenant_id, month, now)
    digest = digest_of(material.digest, earlier.digest if earlier else "", now.hour)

    def make() -> Outlook:
        before = rated_month(earlier, tenant_id=tenant_id) if earlier else None
        parts = [(material, month), *([(earlier, before)] if earlier and before else [])]
        return _outlook(parts, now)

    return kept(f"outlook:{tenant_id}", digest, make)


def history_of(months: Sequence[Month], *, today: date) -> dict[date, Decimal]:
    """Return what whole, well-known days before today were worth at contracted prices."""
    worth: dict[date, Decimal] = defaultdict(Decimal)
    lives: dict[date, list[Life]] = defaultdict(list)
    for month in months:
        for cell in month.cells:
            if cell.day and cell.day < today:
                worth[cell.day] += cell.activity
        for life in month.lives:
            if life.day < today:
                lives[life.day].append(life)
    return {
        day: worth.get(day, ZERO)
        for day, found in lives.items()
        if (together(found).share or ZERO) >= WELL_KNOWN
    }


def _material_before(tenant_id: UUID, month: Month, now: datetime) -> Material | None:
    """Last month, where its days may still tell something."""
    if now.date().day > WINDOW_DAYS:
        return None
    moment = month.period.start - timedelta(days=1)
    try:
        market = load_market(month_of(moment))
    except Refused:
        return None  # no prices held then
    return load(tenant_id=tenant_id, moment=moment, now=now, market=market)


def _outlook(parts: Sequence[tuple[Material, Month]], now: datetime) -> Outlook:
    """The outlook of the first of the months; the others tell how days are."""
    material, month = parts[0]
    history = history_of([part for _, part in parts], today=now.date())
    found = forecast(history, _ahead(month, now))
    if isinstance(found, TooLittle):
        return found
    pattern = _pattern(parts, now.date())
    sums = []
    for aim in (found.expected, found.low, found.high):
        items = [*material.items, *_projected(pattern, found, aim, now)]
        sums.append(_by_account(rate(items, material.terms).lines))
    middle, low, high = sums
    accounts = {
        account: (amount, min(amount, low.get(account, ZERO)), max(amount, high.get(account, ZERO)))
        for account, amount in middle.items()
    }
    whole = [sum(part.values(), ZERO) for part in sums]
    return Expected(
        whole[0],
        min(whole[0], whole[1]),
        max(whole[0], whole[2]),
        dict(found.days),
        accounts,
        found.known_days,
        found.by_weekday,
    )


def _ahead(month: Month, now: datetime) -> dict[date, Decimal]:
    """The days to come; of today, the share of it that is still to come."""
    left = Decimal(DAY_SECONDS - int((now - start_of(now.date())).total_seconds())) / DAY_SECONDS
    days = {now.date(): left}
    day = now.date() + timedelta(days=1)
    while day < month.period.end.date():
        days[day] = Decimal(1)
        day += timedelta(days=1)
    return days


@dataclass(frozen=True)
class Pattern:
    """A day's use, and what it is worth."""

    items: tuple[UsageItem, ...]
    worth: Decimal


def _pattern(parts: Sequence[tuple[Material, Month]], today: date) -> Pattern:
    """The last known day: yesterday mostly, today where nothing is known of any day before."""
    days = {item.start.date() for material, _ in parts for item in material.items}
    day = max((known for known in days if known < today), default=today)
    items = [item for material, _ in parts for item in material.items if item.start.date() == day]
    worth = sum((cell.activity for _, month in parts for cell in month.cells if cell.day == day), ZERO)
    return Pattern(tuple(items), worth)


def _projected(pattern: Pattern, found: Forecast, aim: Decimal, now: datetime) -> list[UsageItem]:
    """The pattern's use on every day to come, as much of it as makes the days together worth `aim`."""
    if not pattern.worth or not found.expected:
        return []
    items: list[UsageItem] = []
    for day, worth in found.days.items():
        factor = worth / pattern.worth * (aim / found.expected)
        start = max(start_of(day), now)
        end = start_of(day) + timedelta(days=1)
        length = int((end - start).total_seconds())
        items += [
            item._replace(
                start=start,
                end=end,
                quantity=int(item.quantity * factor),
                observed_seconds=0,
                alive_seconds=length,
            )
            for item in pattern.items
        ]
    return items


def _by_account(lines: Sequence[Line]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line.account] += line.billed_cost
    return dict(sums)
