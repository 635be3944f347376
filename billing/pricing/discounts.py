"""Prices as one segment of a tenant's month has them: in the statement's currency, before and after the contract's discount."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from billing.pricing.money import EXACT, Price, places_of, scaled
from billing.pricing.types import Segment, Terms

HUNDRED = Decimal(100)


@dataclass(slots=True)
class Prices:
    """Turns a book's prices into those of the statement, each once; both products are exact, nothing is rounded here."""

    segment: Segment
    rate: Decimal
    places: int
    currency: str
    _known: dict[Decimal, tuple[Price, Price]] = field(default_factory=dict)

    @classmethod
    def of(cls, segment: Segment, terms: Terms) -> Prices:
        """Take the exchange rate in force where the segment begins; raises RateMissingError."""
        rate = terms.rates.at(segment.book.currency, terms.currency, segment.start)
        return cls(segment, rate, places_of(terms.currency), terms.currency)

    def __getitem__(self, amount: Decimal) -> tuple[Price, Price]:
        """Return the list price and the contracted price."""
        try:
            return self._known[amount]
        except KeyError:
            listed = EXACT.multiply(amount, self.rate)
            contracted = discounted(listed, self.segment.discount_percent)
            pair = (scaled(listed, self.places), scaled(contracted, self.places))
            if not self.segment.discount_percent:
                pair = (pair[0], pair[0])
            self._known[amount] = pair
            return pair


def discounted(amount: Decimal, percent: Decimal) -> Decimal:
    """Return an amount less so many per cent, exactly."""
    return EXACT.multiply(amount, EXACT.subtract(HUNDRED, percent)).scaleb(-2, EXACT)
