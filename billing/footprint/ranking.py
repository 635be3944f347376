"""The platform's components, ranked by what they cost the fleet: whatever one asks for is multiplied by thousands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from django.db import connection

from billing.books.services import HOUSE_CURRENCY
from billing.footprint import queries as sql
from billing.footprint.prices import Prices, in_house_currency
from billing.usage.slots import day_of

WINDOW_DAYS, BEFORE_DAYS = 7, 28  # the newest week, and the one four weeks before it
MONTH_HOURS = 730  # a twelfth of 8,760
_DAY = 86400


class Unit(StrEnum):
    """What a request is changed by."""

    MILLICORES = "millicores"
    MIB = "mib"


STEP = {Unit.MILLICORES: 10, Unit.MIB: 16}  # one unit, unless another is entered
MOST = 1_000_000


@dataclass(frozen=True)
class Amount:
    """Processors, memory, and what they cost a month at list prices: None where not all is priced in the house's currency."""

    cores: Fraction
    gib: Fraction
    monthly: Fraction | None


@dataclass(frozen=True)
class Component:
    """A component over the fleet, on average of the newest week."""

    name: str
    runtimes: int  # that had it on some day
    requested: Amount
    used: Amount | None  # None: no cluster told
    growth_percent: int | None  # of its price or, without one, its processors, in four weeks; None: it is new
    saving: Amount  # of the change asked about
    per_runtime_millicores: Fraction
    per_runtime_mib: Fraction


@dataclass(frozen=True)
class Ranking:
    """The dearest first; `days` are those of the newest week that are there."""

    components: Sequence[Component]
    first: date
    last: date
    days: int
    currency: str = HOUSE_CURRENCY


def rank(*, now: datetime, unit: Unit = Unit.MILLICORES, amount: int | None = None) -> Ranking:
    """Return the ranking, and what a request smaller by an amount (one unit, unless given) in every runtime would save."""
    last = day_of(now)
    first = last - timedelta(days=WINDOW_DAYS)
    before = first - timedelta(days=BEFORE_DAYS)
    span = {"now": first, "end": last, "before": before, "before_end": before + timedelta(days=WINDOW_DAYS)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SEEN_DAYS, span)
        days, days_before = cursor.fetchone()
        cursor.execute(sql.RANKING, span)
        rows = cursor.fetchall()
    by_name: dict[str, list[Any]] = defaultdict(list)
    for name, plan, *numbers in rows:
        by_name[name].append((plan, [number or 0 for number in numbers]))
    listed = Prices(last)
    prices = {plan: in_house_currency(listed.of(plan)) for plan in {row[1] for row in rows}}
    change = (amount if amount is not None else STEP[unit], unit)
    found = [
        _component(name, plans, prices, days * _DAY, days_before * _DAY, change)
        for name, plans in by_name.items()
        if any(numbers[1] for _, numbers in plans)
    ]
    return Ranking(sorted(found, key=_dearest), first, last, days)


def components_by_day(*, now: datetime, days: int = 35) -> list[tuple[date, str, Fraction, Fraction]]:
    """Return (day, component, cores, GiB) asked for over the fleet; a row each, however large the fleet is."""
    last = day_of(now)
    with connection.cursor() as cursor:
        cursor.execute(sql.COMPONENT_DAYS, [last - timedelta(days=days), last])
        return [
            (day, name, Fraction(cores, 1000 * _DAY), Fraction(mib, 1024 * _DAY))
            for day, name, cores, mib in cursor
        ]


Price = tuple[Fraction, Fraction] | None


def _component(
    name: str,
    plans: Sequence[tuple[str, Sequence[int]]],
    prices: Mapping[str, Price],
    span: int,
    span_before: int,
    change: tuple[int, Unit],
) -> Component:
    requested, used, before, saving, runtimes, seconds, told = [], [], [], [], 0, 0, False
    for plan, (count, held, cores, mib, used_for, used_cores, used_mib, cores_before, mib_before) in plans:
        price = prices[plan]
        requested.append((Fraction(cores, span), Fraction(mib, span), price))
        if used_for:
            told = True
            scale = Fraction(held, used_for * span)  # to all the time it was there
            used.append((used_cores * scale, used_mib * scale, price))
        if span_before:
            before.append((Fraction(cores_before, span_before), Fraction(mib_before, span_before), price))
        step = change[0] * Fraction(held, span)
        asked = (step, Fraction(0)) if change[1] is Unit.MILLICORES else (Fraction(0), step)
        saving.append((*asked, price))
        runtimes, seconds = runtimes + count, seconds + held
    now = _amount(requested)
    return Component(
        name,
        runtimes,
        now,
        _amount(used) if told else None,
        _growth(now, _amount(before)),
        _amount(saving),
        sum((cores for cores, _, _ in requested), Fraction(0)) * span / seconds if seconds else Fraction(0),
        sum((mib for _, mib, _ in requested), Fraction(0)) * span / seconds if seconds else Fraction(0),
    )


def _amount(pieces: Iterable[tuple[Fraction, Fraction, Price]]) -> Amount:
    cores = gib = money = Fraction(0)
    priced = True
    for millicores, mib, price in pieces:
        cores, gib = cores + millicores / 1000, gib + mib / 1024
        if price is None:
            priced = priced and not (millicores or mib)
        else:
            money += (millicores / 1000 * price[0] + mib / 1024 * price[1]) * MONTH_HOURS
    return Amount(cores, gib, money if priced else None)


def _growth(now: Amount, before: Amount) -> int | None:
    new, old = (now.monthly, before.monthly) if now.monthly and before.monthly else (now.cores, before.cores)
    return round((new - old) * 100 / old) if old else None


def _dearest(component: Component) -> tuple[Fraction, Fraction, str]:
    """By price; what has none comes where its processors and memory would stand at the ratio of eight GiB to a core."""
    amount = component.requested
    weight = amount.monthly if amount.monthly is not None else Fraction(0)
    return -weight, -(amount.cores + amount.gib / 8), component.name
