"""Every unit costs the same."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import Part, PriceRule, RuleKind, Use


@dataclass(frozen=True, slots=True)
class PerUnit:
    """A price for one unit."""

    price: Price
    counts: bool = False
    by_dimension: bool = False
    unit: str = ""

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the price."""
        return self.price, 1, per_unit

    def charge(self, use: Use) -> list[Part]:
        """Return one part."""
        return [Part("", use.base, use.base, use.per_unit, self.price)]


def _parse(fields: Fields) -> PriceRule:
    return PerUnit(fields.price())


RULE = RuleKind(_parse, ("price",))
