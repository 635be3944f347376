"""Looks for days out of the ordinary among those that came out different; nothing else is ever looked at.

All days of a runtime are valued at the prices that its tenant has on the day in question, before tiers: so what is found is
always a change of use. What is still unknown of a day counts for nothing. A change that is small in money is left alone; what is
small is said in the house's currency, and is as much in the tenant's by the rate of that day.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from billing.books.services import HOUSE_CURRENCY, load_market, terms_of
from billing.costs import queries
from billing.costs.models import Anomaly, AnomalyState
from billing.costs.unusual import KIND_DAYS, WEEKDAYS, WEEKS, Day, Unusual, judge
from billing.pricing.fx import RateMissingError
from billing.pricing.money import EXACT
from billing.pricing.periods import month_of
from billing.pricing.rating import rate
from billing.pricing.types import Category, Terms, UsageItem
from billing.usage.slots import DAY, start_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7

ROWS_AT_ONCE, SOURCES_AT_ONCE = 200, 500
OLDEST = timedelta(days=62)  # what happened before is no news
WHOLE_SECONDS = 86_400
MINIMUM = Decimal(2)  # of the house's currency a day: less is worth nobody's time
FINE = Decimal("0.000001")
Key = tuple[str, str, str, str]  # plan, region, meter, dimension
Whose = tuple[UUID, UUID]  # tenant, runtime


class Valued(NamedTuple):
    """By which prices a tenant's days are valued: amounts are in the currency of its statements."""

    currency: str
    minimum: Decimal
    worth: dict[Key, Decimal]  # of a base unit


class Seen(NamedTuple):
    """A runtime's days as they were read: quantities by day and key, and how much of each day is known."""

    accounts: dict[Whose, UUID]
    used: dict[Whose, dict[date, dict[Key, int]]]
    known: dict[Whose, dict[date, tuple[int, int]]]


def find_anomalies(*, today: date | None = None) -> int:
    """Look at the days that came out different since; return how many days of runtimes. Two of these share the work."""
    newest = today or utcnow().date()
    looked = 0
    with transaction.atomic():
        for day, sources in queries.claim_days(ROWS_AT_ONCE).items():
            if not newest - OLDEST <= day < newest:
                continue
            for place in range(0, len(sources), SOURCES_AT_ONCE):
                looked += _look(day, sources[place : place + SOURCES_AT_ONCE])
    return looked


def _look(day: date, sources: Sequence[int]) -> int:
    weekdays = [day - timedelta(weeks=number) for number in range(WEEKS + 1)]
    seen = _read(weekdays, sources)
    due = [whose for whose, days in seen.known.items() if day in days]
    if any(len(seen.known[whose]) <= WEEKDAYS for whose in due):
        kin = [day - timedelta(days=number) for number in range(1, KIND_DAYS + 1) if number % 7]
        _add(seen, kin, sources)
    prices = _prices(day, seen, due)
    for whose in due:
        tenant, runtime = whose
        if tenant not in prices:
            continue
        currency, minimum, worth = prices[tenant]
        found = judge(
            _day(day, whose, seen, worth),
            [_day(past, whose, seen, worth) for past in seen.known[whose] if past != day],
            minimum=minimum,
        )
        if found:
            _put(day, whose, seen, currency, found)
        else:
            Anomaly.objects.filter(tenant=tenant, runtime=runtime, day=day, state=AnomalyState.OPEN).update(
                state=AnomalyState.SETTLED
            )
    return len(due)


def _read(days: Sequence[date], sources: Sequence[int]) -> Seen:
    seen = Seen({}, defaultdict(lambda: defaultdict(lambda: defaultdict(int))), defaultdict(dict))
    _add(seen, days, sources)
    return seen


def _add(seen: Seen, days: Sequence[date], sources: Sequence[int]) -> None:
    for tenant, account, runtime, day, *key, quantity in queries.quantities(days, sources):
        plan, region, meter, dimension = key
        seen.accounts[tenant, runtime] = account
        seen.used[tenant, runtime][day][plan, region, meter, dimension] += quantity
    for tenant, runtime, day, alive, known in queries.lives(days, sources):
        seen.known[tenant, runtime][day] = (alive, known)


def _day(day: date, whose: Whose, seen: Seen, worth: Mapping[Key, Decimal]) -> Day:
    alive, known = seen.known[whose][day]
    meters: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for key, quantity in seen.used[whose].get(day, {}).items():
        meters[key[2], key[3]] += EXACT.multiply(worth.get(key, Decimal(0)), quantity)
    share = Decimal(known) / alive if alive else Decimal(0)
    return Day(
        day, {name: amount.quantize(FINE) for name, amount in meters.items()}, share, alive >= WHOLE_SECONDS
    )


def _prices(day: date, seen: Seen, due: Iterable[Whose]) -> dict[UUID, Valued]:
    """What everything that was used is worth to each tenant; none of it without prices."""
    keys: dict[UUID, dict[Key, int]] = defaultdict(dict)
    for whose in due:
        for used in seen.used[whose].values():
            for key, quantity in used.items():
                keys[whose[0]][key] = max(quantity, keys[whose[0]].get(key, 0))
    month = month_of(start_of(day))
    try:
        held = terms_of(list(keys), month, market=load_market(month))
    except Refused:
        return {}  # without prices nothing is dear
    return {
        tenant: Valued(
            held[tenant].currency, least(held[tenant], day), dict(_worth(day, wanted, held[tenant]))
        )
        for tenant, wanted in keys.items()
    }


def least(terms: Terms, day: date) -> Decimal:
    """Return the smallest change that counts, in the currency of the terms; zero where no rate says: then only shares decide."""
    try:
        rate_ = terms.rates.at(HOUSE_CURRENCY, terms.currency, start_of(day))
    except RateMissingError:
        return Decimal(0)
    return MINIMUM * rate_


def _worth(day: date, wanted: Mapping[Key, int], terms: Terms) -> Iterator[tuple[Key, Decimal]]:
    start = start_of(day)
    items = [
        UsageItem("", "any", *key, start, start + DAY, quantity, WHOLE_SECONDS, WHOLE_SECONDS)
        for key, quantity in sorted(wanted.items())
        if quantity
    ]
    amounts: dict[Key, Decimal] = defaultdict(Decimal)
    for line in rate(items, terms).lines:
        if line.category is Category.USAGE and line.base_quantity:
            amount = EXACT.multiply(line.contracted_unit_price, line.quantity)
            amounts[line.plan, line.region, line.meter, line.dimension] += amount
    for key, amount in amounts.items():
        yield key, EXACT.divide(amount, Decimal(wanted[key]))


def _put(day: date, whose: Whose, seen: Seen, currency: str, found: Unusual) -> None:
    tenant, runtime = whose
    moved = [
        {"meter": one.meter, "dimension": one.dimension, "worth": str(one.worth), "usual": str(one.usual)}
        for one in found.moved
    ]
    queries.put_anomaly(
        {
            "id": uuid7(),
            "tenant": tenant,
            "account": seen.accounts[whose],
            "runtime": runtime,
            "day": day,
            "worth": found.worth,
            "usual": found.usual,
            "currency": currency,
            "score": min(max(found.score, Decimal(-999_999)), Decimal(999_999)),
            "compared": found.compared,
            "same_weekday": found.same_weekday,
            "moved": json.dumps(moved),
        }
    )
