"""What the month will have cost at its end: what was used, and what is expected to be, rated together and once.

What is expected is usage, of runtimes that live: one that is gone brings no use and no time to days to come, for no fee, minimum
or included unit goes on without it. The last known day goes on, runtime by runtime and meter by meter, seen for as long as it was
then; how much of it each day brings says `forecasting`. Days, those of last month too, are compared by what they are worth at the
prices of now: so a price, a discount or a currency that changed is no change of use, and no amount of another month is ever read.
The whole month is rated with the terms that hold in it: tiers, packages, fees by time, included units, commitments and credits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import NamedTuple
from uuid import UUID

from billing.books.usage_items import items_of
from billing.costs.caching import digest_of, kept
from billing.costs.forecasting import (
    LEVEL_DAYS,
    WINDOW_DAYS,
    Forecast,
    TooLittle,
    forecast_each,
    unseen,
)
from billing.costs.living import Living, Worths, known_empty, living
from billing.costs.months import ZERO, Known, Life, Material, Month, life_of, load, rated_month
from billing.costs.valuing import Kind, worths
from billing.pricing.gathering import pieces_of
from billing.pricing.money import places_of
from billing.pricing.rating import rate
from billing.pricing.types import Terms, UsageItem
from billing.statements.given import limited, taken_before, with_given
from billing.usage.reading import lived, used
from billing.usage.slots import DAY, start_of

WELL_KNOWN = Decimal("0.8")  # of a day's time, before it may say what days are like
DAY_SECONDS = 86_400
Amounts = dict[str, Decimal]  # by account


@dataclass(frozen=True)
class Expected:
    """What a month will have cost, and what of it each account; between `low` and `high` four times out of five."""

    currency: str
    expected: Decimal
    low: Decimal
    high: Decimal
    accounts: Mapping[str, tuple[Decimal, Decimal, Decimal]]  # expected, low, high
    known_days: int
    by_weekday: bool


class Before(NamedTuple):
    """The days of last month that may still tell something: as usage that this month's book would bill."""

    items: tuple[UsageItem, ...] = ()
    lives: tuple[Life, ...] = ()


Outlook = Expected | TooLittle


def month_outlook(
    *, tenant_id: UUID, now: datetime, material: Material | None = None, month: Month | None = None
) -> Outlook:
    """Return the outlook of the month that goes on; what was made of the same before is not made again."""
    material = material or load(tenant_id=tenant_id, moment=now, now=now)
    month = month or rated_month(material, tenant_id=tenant_id)
    before = _before(tenant_id, material.terms, now)
    terms = material.terms
    if limited(terms, before.items) and not limited(terms, material.items):  # on the first, before any use
        first = terms.month.start.date()
        material = replace(material, terms=with_given(terms, taken_before([tenant_id], first)[tenant_id]))
    digest = digest_of(material.digest, before, material.terms.given, now.date(), now.hour)
    return kept(f"outlook:{tenant_id}", digest, lambda: outlook_of(material, month, before, now))


def outlook_of(material: Material, month: Month, before: Before, now: datetime) -> Outlook:
    """Return the outlook of a month that was rated as far as it has come. Pure."""
    items = (*before.items, *material.items)
    worth = worths({item[2:6] for item in items}, material.terms, now)
    lives = (*before.lives, *material.lives)
    amounts = worths_of(items, worth)
    counted = living(lives, amounts, today=now.date())
    history = history_of(amounts, {item.start.date() for item in items}, lives, counted, today=now.date())
    told = forecast_each(history, _ahead(month, now))
    if isinstance(told, TooLittle):
        return told
    found, each = told
    patterns = [
        (pattern, _shares(each[account], value, now, material.terms))
        for account, pattern, value in _patterns(items, history, counted)
    ]
    sums = []
    for aim in (found.expected, found.low, found.high):
        level = aim / found.expected if found.expected else Decimal(1)
        to_come = [item for pattern, shares in patterns for item in projected(pattern, shares, level)]
        sums.append(_by_account([*material.items, *to_come], material.terms))
    return _expected(sums, _spent(month), found, month.currency)


def worths_of(items: Iterable[UsageItem], worth: Mapping[Kind, Decimal]) -> Worths:
    """Return what each runtime's days are worth, of use that has a price."""
    found: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for item in items:
        price = worth.get(item[2:6])
        if price is not None:
            found[item.start.date(), item.runtime] += price * item.quantity
    return found


def history_of(
    amounts: Worths, used_on: Set[date], lives: Iterable[Life], counted: Living, *, today: date
) -> dict[date, dict[str, Decimal]]:
    """Return what whole, well-known days before today are worth to each account, by the use that counts.

    Left out are days of whose use nothing has a price. On a day between others nothing may have lived: that is known too.
    """
    known: dict[date, Known] = defaultdict(Known)
    for life in lives:
        known[life.day] = known[life.day].and_(life.known)
    unpriced = used_on - {day for day, _ in amounts}
    history: dict[date, dict[str, Decimal]] = {}
    day = min(known, default=today)
    while day < today:
        was_empty = day not in known and known_empty(day, today)
        if was_empty or (day not in unpriced and (known[day].share or ZERO) >= WELL_KNOWN):
            history[day] = dict.fromkeys(counted.accounts, ZERO)
        day += DAY
    for (day, runtime), amount in amounts.items():
        share = counted.share(runtime, day)
        if day in history and share:
            history[day][counted.last[runtime]] += amount * share
    return history


class Pattern(NamedTuple):
    """An account's last known day, and what it is worth."""

    account: str
    items: list[UsageItem]
    worth: Decimal


def _patterns(
    items: Iterable[UsageItem], history: Mapping[date, Mapping[str, Decimal]], counted: Living
) -> list[Pattern]:
    """Each account's last day that brought something goes on, or the last one: nothing of it falls upon another account."""
    lately = sorted(history)[-LEVEL_DAYS:]
    days = {
        account: max((day for day in lately if history[day][account]), default=lately[-1])
        for account in sorted(counted.accounts)
    }
    found: dict[str, list[UsageItem]] = defaultdict(list)
    for item in items:
        account, day = counted.last.get(item.runtime, ""), item.start.date()
        if share := counted.share(item.runtime, day) if days.get(account) == day else ZERO:
            quantity, seen = round(item.quantity * share), round(item.observed_seconds * share)
            found[account].append(item._replace(account=account, quantity=quantity, observed_seconds=seen))
    return [Pattern(account, found[account], history[day][account]) for account, day in days.items()]


class Share(NamedTuple):
    """How many times the pattern's day comes in a piece of the month in which the same prices hold."""

    start: datetime
    end: datetime
    days: Decimal  # by use
    seconds: int


def projected(pattern: Sequence[UsageItem], shares: Sequence[Share], level: Decimal) -> list[UsageItem]:
    """Return the pattern's use in the time to come, `level` times as much of it as is expected.

    Seen for as long as on its own day, whatever the level: what is priced by time (fees, units included) goes on as it is.
    """
    return [
        item._replace(
            start=share.start,
            end=share.end,
            quantity=round(item.quantity * share.days * level),
            observed_seconds=min(
                share.seconds, round(Decimal(item.observed_seconds * share.seconds) / DAY_SECONDS)
            ),
            alive_seconds=share.seconds,
        )
        for share in shares
        for item in pattern
    ]


def _before(tenant_id: UUID, terms: Terms, now: datetime) -> Before:
    """Two statements; none once the month's own days tell enough."""
    first, last = now.date() - timedelta(days=WINDOW_DAYS), terms.month.start.date()
    if first >= last:
        return Before()
    in_force = (part for part in terms.segments if part.start <= now < part.end)
    held = replace(terms, segments=tuple(replace(part, start=start_of(first)) for part in in_force))
    rows = used(tenant_id=tenant_id, first=first, last=last, by_day=True)
    lives = lived(tenant_id=tenant_id, first=first, last=last, by_day=True)
    return Before(tuple(items_of(rows, held)), tuple(life_of(row) for row in lives))


def _ahead(month: Month, now: datetime) -> dict[date, Decimal]:
    """The days to come; of today, the share of it that is still to come."""
    left = Decimal(DAY_SECONDS - int((now - start_of(now.date())).total_seconds())) / DAY_SECONDS
    days = {now.date(): left}
    day = now.date() + DAY
    while day < month.period.end.date():
        days[day] = Decimal(1)
        day += DAY
    return days


def _shares(found: Forecast, worth: Decimal, now: datetime, terms: Terms) -> list[Share]:
    """Where nothing is worth anything the pattern's day comes as often as there are days."""
    ahead: list[Share] = []
    for piece in pieces_of(terms):
        start = max(piece.start, now)
        if start >= piece.end:
            continue
        days = [day for day in found.days if start <= max(start_of(day), now) < piece.end]
        seconds = int((piece.end - start).total_seconds())
        brought = sum((found.days[day] for day in days), ZERO)
        times = brought / worth if worth else Decimal(seconds) / DAY_SECONDS
        ahead.append(Share(start, piece.end, times, seconds))
    return ahead


def _by_account(items: Iterable[UsageItem], terms: Terms) -> Amounts:
    sums: Amounts = defaultdict(Decimal)
    for line in rate(items, terms).lines:
        sums[line.account] += line.billed_cost
    return sums


def _spent(month: Month) -> Amounts:
    sums: Amounts = defaultdict(Decimal)
    for cell in month.cells:
        sums[cell.account] += cell.cost
    return sums


def _expected(sums: Sequence[Amounts], spent: Amounts, found: Forecast, currency: str) -> Expected:
    """The three sums, and around the first at least what a day that was never seen makes of what is still to be charged."""
    unsure = unseen(found.known_days)

    def between(amounts: Sequence[Decimal], so_far: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        least = abs(amounts[0] - so_far) * unsure
        least = least.quantize(Decimal(1).scaleb(-places_of(currency)), ROUND_UP)
        return amounts[0], min(amounts[0] - least, *amounts), max(amounts[0] + least, *amounts)

    accounts = {
        account: between([one.get(account, ZERO) for one in sums], spent.get(account, ZERO))
        for account in sums[0]
    }
    whole = between([sum(one.values(), ZERO) for one in sums], sum(spent.values(), ZERO))
    return Expected(currency, *whole, accounts, found.known_days, found.by_weekday)
