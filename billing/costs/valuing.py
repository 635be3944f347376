"""What a base unit of each kind of usage is worth by one set of prices: so days of different months can be compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from billing.pricing.charging import Charger
from billing.pricing.gathering import Group
from billing.pricing.rules.base import UnpricedError
from billing.pricing.types import Terms

Kind = tuple[str, str, str, str]  # plan, region, meter, dimension
ZERO = Decimal(0)


def worths(kinds: Iterable[Kind], terms: Terms, moment: datetime) -> dict[Kind, Decimal]:
    """Return in minor units of the statement's currency what the first base unit costs by the prices of a moment of the month.

    Contracted, before tiers, included units and credits; of a fee a single unit is no part. What is free is worth nothing;
    left out is what has no price, or one in a currency without a rate.
    """
    charger = Charger(terms, [])
    place = next(n for n, piece in enumerate(charger.pieces) if piece.start <= moment < piece.end)
    found = ((kind, _worth(kind, charger, place)) for kind in kinds)
    return {kind: worth for kind, worth in found if worth is not None}


def _worth(kind: Kind, charger: Charger, place: int) -> Decimal | None:
    start, end = charger.pieces[place]
    priced = charger.line_of(Group(place, "", "", *kind, start, end, 0, 0, 0, -1))
    if priced is None:
        return ZERO if _is_free(kind, charger, place) else None
    prices, _, line = priced
    try:
        price, units, per = line.rule.list_price(kind[3], line.facts.per_unit)
    except UnpricedError:
        return None
    contracted = prices[price.amount][1]
    return Decimal(units * contracted.numerator) / Decimal(per * contracted.denominator)


def _is_free(kind: Kind, charger: Charger, place: int) -> bool:
    number = charger.segment_of(place, kind[0])
    return number >= 0 and kind[2] in charger.terms.segments[number].book.free
