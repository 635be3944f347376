"""A fee a month for whoever uses it, however much."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import Part, PriceRule, RuleKind, Use


@dataclass(frozen=True, slots=True)
class Flat:
    """A fee for a month; `prorated` asks for the share of the month in which it was seen only."""

    price: Price
    prorated: bool
    counts: bool = True
    by_dimension: bool = False
    unit: str = "Months"

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the fee, of which a single unit is no part."""
        return self.price, 0, 1

    def charge(self, use: Use) -> list[Part]:
        """Return the fee in the month's first piece, or each piece's share of it."""
        if not self.prorated:
            return [Part("", use.base, int(use.first), 1, self.price, unit=self.unit)]
        left = max(use.month_seconds - use.observed_before, 0)
        seen = min(use.observed_seconds, left)
        return [Part("", use.base, seen, use.month_seconds, self.price, unit=self.unit)]


def _parse(fields: Fields) -> PriceRule:
    return Flat(fields.price(), fields.truth("prorated", default=False))


RULE = RuleKind(_parse, ("price", "prorated"))
