"""From the lines of a rated month to what each day of a runtime cost, meter by meter. Pure; nothing is rounded again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from billing.pricing.money import split_amount
from billing.pricing.types import Category, Line, UsageItem

Whose = tuple[str, str, str, str, str, str]  # account, runtime, plan, region, meter, dimension
MINIMUM = "minimum"  # the part of a line that tops a month up: it belongs to no day


class Cell(NamedTuple):
    """One meter of one runtime on one day; `day` is None for what a month costs whatever its days bring."""

    day: date | None
    account: str
    runtime: str
    plan: str
    region: str
    meter: str
    dimension: str
    quantity: int  # base units x seconds
    activity: Decimal  # at contracted prices, before commitments and credits
    credit: Decimal  # given back: zero or less
    cost: Decimal  # what a statement would demand


def by_day(lines: Iterable[Line], items: Iterable[UsageItem]) -> list[Cell]:
    """Share every line out over its days by what was used on each; all cells together cost what all lines together do."""
    weights: dict[Whose, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for item in items:
        weights[item[:6]][item.start.date()] += item.quantity
    sums: dict[tuple[date | None, Whose], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for line in lines:
        whose = _whose(line)
        activity = line.contracted_cost if line.category is Category.USAGE else Decimal(0)
        credit = line.billed_cost if line.category is Category.CREDIT else Decimal(0)
        days = _days(line, weights.get(whose, {}))
        for place, amount in enumerate((activity, credit, line.billed_cost)):
            if not amount:
                continue
            parts = split_amount(amount, list(days.values()), line.currency) if len(days) > 1 else [amount]
            for day, part in zip(days, parts, strict=True):
                sums[day, whose][place] += part
    for whose, found in weights.items():
        for day in found:
            sums.setdefault((day, whose), [Decimal(0)] * 3)
    cells = [
        Cell(day, *whose, weights.get(whose, {}).get(day, 0) if day else 0, *amounts)
        for (day, whose), amounts in sums.items()
    ]
    return sorted(cells, key=lambda cell: (cell.day or date.min, *cell[1:7]))


def _whose(line: Line) -> Whose:
    return (line.account, line.runtime, line.plan, line.region, line.meter, line.dimension)


def _days(line: Line, used: Mapping[date, int]) -> dict[date | None, int]:
    """The days that a line is about, in order, each with its weight."""
    if line.category is Category.PURCHASE or line.part.startswith(MINIMUM) or not line.runtime:
        return {None: 1}
    last = (line.end - timedelta(microseconds=1)).date()
    days: dict[date | None, int] = {
        day: used[day] for day in sorted(used) if line.start.date() <= day <= last
    }
    return days or {line.start.date(): 1}
