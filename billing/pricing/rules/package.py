"""Units are sold by the package; one that is begun is paid."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import Part, PriceRule, RuleKind, Use


@dataclass(frozen=True, slots=True)
class Package:
    """A price for `size` base units at a time."""

    size: int
    price: Price
    counts: bool = True
    by_dimension: bool = False
    unit: str = "Packages"

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the package's price."""
        return self.price, 1, self.size

    def charge(self, use: Use) -> list[Part]:
        """Return the packages that are begun by this use; one that was begun before still has room."""
        begun = -(-(use.before + use.base) // self.size) - -(-use.before // self.size)
        return [Part("", use.base, begun, 1, self.price, unit=self.unit)]


def _parse(fields: Fields) -> PriceRule:
    return Package(fields.base("size") or 1, fields.price())


RULE = RuleKind(_parse, ("size", "price"))
