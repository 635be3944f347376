"""Capacity units, as managed Kyma has them: each machine type weighs so many, and a unit has one price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import Part, PriceRule, RuleKind, UnpricedError, Use

UNIT = "Capacity-Unit-Hours"


@dataclass(frozen=True, slots=True)
class Capacity:
    """A price for one capacity unit, and how many of them one unit of each dimension is, as (numerator, denominator)."""

    price: Price
    weights: Mapping[str, tuple[int, int]] = field(hash=False)
    counts: bool = False
    by_dimension: bool = True
    unit: str = UNIT

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the price of a capacity unit and how many a unit is."""
        numerator, denominator = self._weight(dimension)
        return self.price, numerator, denominator * per_unit

    def charge(self, use: Use) -> list[Part]:
        """Return the capacity units of one machine type."""
        numerator, denominator = self._weight(use.dimension)
        return [
            Part("", use.base, use.base * numerator, use.per_unit * denominator, self.price, unit=self.unit)
        ]

    def _weight(self, dimension: str) -> tuple[int, int]:
        try:
            return self.weights[dimension]
        except KeyError:
            raise UnpricedError(f"{dimension or 'nothing'} has no weight; add it under weights.") from None


def _parse(fields: Fields) -> PriceRule:
    written = fields.data.get("weights")
    if not isinstance(written, Mapping) or not written:
        fields.fault("weights", "weights_missing", "weights must say how many units each machine type is.")
        written = {}
    inner = fields.inside("weights", data=written)
    weights: dict[str, Decimal] = {name: inner.number(name) for name in written}
    return Capacity(fields.price(), {name: weight.as_integer_ratio() for name, weight in weights.items()})


RULE = RuleKind(_parse, ("price", "weights"))
