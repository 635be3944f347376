"""What nodes cost at list prices, and what a core-hour and a GiB-hour cost there. Pure, but for loading the market.

Only processors, memory and nodes count: they are what a footprint splits. A tiered price counts with its first tier, and no
discount, credit or commitment is taken off: a footprint compares runtimes, a statement says what is owed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from billing.books.services import HOUSE_CURRENCY, Market, load_market
from billing.footprint.split import CORE_HOUR, GIB_HOUR
from billing.pricing.book import Book
from billing.pricing.money import round_ratio
from billing.pricing.periods import month
from billing.pricing.rules.base import UnpricedError
from billing.usage.slots import start_of
from controlplane.kernel.errors import Refused

NODE_METERS = ("memory", "node", "vcpu")
MILLION = 1_000_000
# Where only nodes have a price, it is split by the standard price book's ratio, as first published: 0.03 a core-hour to 0.004 a
# GiB-hour.
CORE_TO_GIB = (Fraction("0.03"), Fraction("0.004"))


@dataclass(frozen=True)
class ListPrices:
    """The prices of nodes for one plan on one day; `core_hour` and `gib_hour` in the currency, exact."""

    book: Book
    plan: str
    region: str

    @property
    def currency(self) -> str:
        """The book's currency."""
        return self.book.currency

    @property
    def ratio(self) -> tuple[Fraction, Fraction]:
        """What a core-hour and a GiB-hour cost, or how they relate where the book prices nodes only."""
        return self._by_size if self.by_size else CORE_TO_GIB

    @property
    def by_size(self) -> bool:
        """Whether processors and memory have prices of their own."""
        return all(self._by_size)

    def cost(self, quantities: Mapping[tuple[str, str], int]) -> int | None:
        """Return the list price of nodes in millionths of the currency; None where nothing prices them."""
        found, priced = Fraction(0), False
        for (meter, dimension), quantity in quantities.items():
            if meter in NODE_METERS and self._has_line(meter, dimension):
                found += self._price(meter, dimension, quantity)
                priced = True
        exact = found * MILLION
        return round_ratio(exact.numerator, exact.denominator) if priced else None

    @cached_property
    def _by_size(self) -> tuple[Fraction, Fraction]:
        return self._price("vcpu", "", CORE_HOUR), self._price("memory", "", GIB_HOUR)

    def _has_line(self, meter: str, dimension: str) -> bool:
        return self.book.line_for(meter, dimension, self.plan, self.region) is not None

    def _price(self, meter: str, dimension: str, quantity: int) -> Fraction:
        line = self.book.line_for(meter, dimension, self.plan, self.region)
        if line is None:
            return Fraction(0)
        try:
            price, numerator, denominator = line.rule.list_price(dimension, line.facts.per_unit)
        except UnpricedError:
            return Fraction(0)
        return Fraction(price.amount) * Fraction(numerator, denominator) * quantity


class Prices:
    """The list prices of a day, by plan and region."""

    def __init__(self, day: date) -> None:
        self._moment = start_of(day)
        self._market = _market(day)
        self._found: dict[tuple[str, str], ListPrices | None] = {}

    def of(self, plan: str, region: str = "") -> ListPrices | None:
        """Return the prices of a plan in a region, or None where no book holds."""
        key = (plan, region)
        if key not in self._found:
            book = _book(self._market, plan, self._moment) if self._market else None
            self._found[key] = ListPrices(book, plan, region) if book else None
        return self._found[key]


def in_house_currency(prices: ListPrices | None) -> tuple[Fraction, Fraction] | None:
    """Return what a core-hour and a GiB-hour cost, or None where a book has another currency or prices them not."""
    if prices is None or prices.currency != HOUSE_CURRENCY or not prices.by_size:
        return None
    return prices.ratio


def as_amount(micro: int) -> Decimal:
    """Return millionths as an amount with all its places, so that parts add up to the last of them."""
    return Decimal(micro).scaleb(-6)


def _market(day: date) -> Market | None:
    try:
        return load_market(month(day.year, day.month))
    except Refused:  # no prices hold: footprints go without money
        return None


def _book(market: Market, plan: str, moment: datetime) -> Book | None:
    held = [segment for segment in market.standing if segment.start <= moment < segment.end]
    named = [segment.book for segment in held if segment.plans and plan in segment.plans]
    rest = [segment.book for segment in held if segment.plans is None]
    return next(iter([*named, *rest]), None)
