"""Makes lines: rounds each cost once, and gives each line an id that is the same whenever the same thing is rated again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

from billing.pricing.book import PriceLine
from billing.pricing.discounts import Prices
from billing.pricing.gathering import Group
from billing.pricing.money import from_minor, quantity_of, round_ratio, split
from billing.pricing.rules.base import Part
from billing.pricing.types import Category, Line

FINER = 10**6  # a package shared by runtimes is shared to the millionth
ORDER = {category: place for place, category in enumerate(Category)}
NOTHING = Decimal(0)


@dataclass(slots=True)
class Share:
    """One group's share of a part: what it consumed, its priced units as a ratio, and its costs in minor units."""

    group: Group
    base: int
    numerator: int
    denominator: int
    listed: int
    contracted: int


def line_id(*names: str) -> str:
    """Return 24 characters that stand for the names."""
    return blake2b("\x1f".join(names).encode(), digest_size=12).hexdigest()


def shares_of(part: Part, groups: list[Group], prices: Prices) -> list[Share]:
    """Round a part's cost once and split it among the groups that used it, to the last minor unit.

    By what each used; of equal remainders the first in the groups' fixed order wins.
    """
    listed, contracted = prices[part.price.amount]
    list_cost = round_ratio(part.numerator * listed.numerator, part.denominator * listed.denominator)
    cost = list_cost
    if contracted is not listed:
        cost = round_ratio(part.numerator * contracted.numerator, part.denominator * contracted.denominator)
    if len(groups) == 1:
        return [Share(groups[0], part.base, part.numerator, part.denominator, list_cost, cost)]
    weights = [group.base for group in groups]
    bases = split(part.base, weights)
    if part.base and part.numerator % part.base == 0:
        finer, numerators = 1, [base * (part.numerator // part.base) for base in bases]
    else:
        finer, numerators = FINER, split(part.numerator * FINER, weights)
    costs = zip(split(list_cost, weights), split(cost, weights), strict=True)
    return [
        Share(group, base, numerator, part.denominator * finer, *pair)
        for group, base, numerator, pair in zip(groups, bases, numerators, costs, strict=True)
    ]


def usage_line(
    share: Share,
    part: Part,
    line: PriceLine,
    prices: Prices,
    since: str,
) -> Line:
    """Return the line of one group's share; `since` is where its piece of the month begins, a part of the id."""
    group, facts, book = share.group, line.facts, prices.segment.book
    listed, contracted = prices[part.price.amount]
    list_cost = from_minor(share.listed, prices.places)
    cost = list_cost if share.contracted == share.listed else from_minor(share.contracted, prices.places)
    quantity = quantity_of(share.numerator, share.denominator)
    consumed = quantity
    if part.unit or share.base != share.numerator or facts.per_unit != share.denominator:
        consumed = quantity_of(share.base, facts.per_unit)
    whose = (group.account, group.runtime, group.plan, group.region, group.meter, group.dimension)
    return Line(
        line_id(since, *whose, book.key, line.key, part.label), Category.USAGE, "", *whose, group.start, group.end,
        quantity, part.unit or facts.unit, consumed, facts.unit, share.base,
        listed.amount, contracted.amount, list_cost, cost, cost, cost, prices.currency,
        book.key, book.version, line.key, part.label, "", "", "",
        group.observed, group.alive, line.description or line.key,
    )  # fmt: skip


def place_of(line: Line) -> tuple[datetime, str, str, str, str, int, str]:
    """Where a line comes among the others of its statement."""
    return (
        line.start,
        line.account,
        line.runtime,
        line.meter,
        line.dimension,
        ORDER[line.category],
        line.line_id,
    )
