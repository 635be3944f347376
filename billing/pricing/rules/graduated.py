"""Each tier's quantity costs that tier's price: the first hundred this, what lies above them that."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import Part, PriceRule, RuleKind, Use
from billing.pricing.rules.tiers import Tier, parse_tiers


@dataclass(frozen=True, slots=True)
class Graduated:
    """Tiers that are filled one after another within a month."""

    tiers: tuple[Tier, ...]
    counts: bool = True
    by_dimension: bool = False
    unit: str = ""

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the first tier's price."""
        return self.tiers[0].price, 1, per_unit

    def charge(self, use: Use) -> list[Part]:
        """Return a part for each tier that this use reaches; it goes on where the month stood before."""
        parts, lower, end = [], 0, use.before + use.base
        for number, tier in enumerate(self.tiers, start=1):
            upper = end if tier.upper is None else min(tier.upper, end)
            filled = upper - max(lower, use.before)
            if filled > 0:
                parts.append(Part(f"tier-{number}", filled, filled, use.per_unit, tier.price))
            lower = upper
        return parts


def _parse(fields: Fields) -> PriceRule:
    return Graduated(parse_tiers(fields))


RULE = RuleKind(_parse, ("tiers",))
