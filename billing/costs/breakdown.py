"""A month's figures by account, runtime, meter or day, each with how much of the time behind it is known. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.costs.charges import Cell
from billing.costs.months import ZERO, Known, Life, Month
from billing.meters.registry import meters
from billing.pricing.money import quantity_of


class By(StrEnum):
    """What figures are added up by."""

    ACCOUNT = "account"
    RUNTIME = "runtime"
    METER = "meter"
    DAY = "day"


@dataclass
class Figure:
    """One row: `key` is an id, a meter's key, or a day; "" is what belongs to the tenant as a whole, or to no day."""

    key: str
    dimension: str = ""
    activity: Decimal = ZERO
    credit: Decimal = ZERO
    cost: Decimal = ZERO
    quantity: Decimal | None = None  # of one meter, in its unit
    unit: str = ""
    known: Known = field(default_factory=Known)


@dataclass(frozen=True)
class Narrow:
    """Which cells count; empty is all. `first` and `last` are days; what belongs to no day counts only among all days."""

    account: str = ""
    runtime: str = ""
    meter: str = ""
    dimension: str = ""
    first: date | None = None
    last: date | None = None

    def takes(self, cell: Cell) -> bool:
        """Whether a cell counts."""
        if (self.account and cell.account != self.account) or (self.runtime and cell.runtime != self.runtime):
            return False
        if (self.meter and cell.meter != self.meter) or (self.dimension and cell.dimension != self.dimension):
            return False
        if cell.day is None:
            return self.first is None and self.last is None
        return self.has(cell.day)

    def has(self, day: date) -> bool:
        """Whether a day counts."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def lived(self, life: Life) -> bool:
        """Whether a life counts."""
        mine = (not self.account or life.account == self.account) and (
            not self.runtime or life.runtime == self.runtime
        )
        return mine and self.has(life.day)


EVERYTHING = Narrow()


def figures(months: Iterable[Month], by: By, narrow: Narrow = EVERYTHING) -> list[Figure]:
    """Return the figures, dearest first, days in their order; together they are what the cells are."""
    found: dict[tuple[str, str], Figure] = {}
    bases: dict[tuple[str, str], int] = defaultdict(int)
    for month in months:
        for cell in month.cells:
            if not narrow.takes(cell):
                continue
            key = _key(cell, by)
            figure = found.setdefault(key, Figure(*key))
            figure.activity += cell.activity
            figure.credit += cell.credit
            figure.cost += cell.cost
            bases[key] += cell.quantity
        _add_known(found, (life for life in month.lives if narrow.lived(life)), by)
    if by is By.METER:
        known_meters = meters()
        for key, figure in found.items():
            if meter := known_meters.get(figure.key):
                figure.quantity, figure.unit = quantity_of(bases[key], meter.per_unit), meter.unit
    if by is By.DAY:
        return sorted(found.values(), key=lambda figure: figure.key)
    return sorted(
        found.values(), key=lambda figure: (-figure.cost, -figure.activity, figure.key, figure.dimension)
    )


def by_day_and(
    months: Iterable[Month], by: By, narrow: Narrow = EVERYTHING
) -> dict[str, dict[date, Decimal]]:
    """Return {key: {day: cost}}, for areas by day."""
    found: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for month in months:
        for cell in month.cells:
            if cell.day is not None and narrow.takes(cell):
                found[_key(cell, by)[0]][cell.day] += cell.cost
    return found


def sum_of(figures_: Iterable[Figure]) -> Decimal:
    """Add up what figures cost."""
    return sum((figure.cost for figure in figures_), ZERO)


def _key(cell: Cell, by: By) -> tuple[str, str]:
    if by is By.METER:
        return (cell.meter, cell.dimension)
    if by is By.DAY:
        return (cell.day.isoformat() if cell.day else "", "")
    return (cell.account if by is By.ACCOUNT else cell.runtime, "")


def _add_known(found: dict[tuple[str, str], Figure], lives: Iterable[Life], by: By) -> None:
    """A meter's time is that of all runtimes alike, so it stands with none of them."""
    if by is By.METER:
        return
    for life in lives:
        key = {By.ACCOUNT: life.account, By.RUNTIME: life.runtime, By.DAY: life.day.isoformat()}[by]
        figure = found.setdefault((key, ""), Figure(key))
        figure.known = figure.known.and_(life.known)
