"""The month's whole quantity chooses one tier, whose price holds for every unit; so the total may fall where a tier begins."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import Part, PriceRule, RuleKind, Use
from billing.pricing.rules.tiers import Tier, parse_tiers


@dataclass(frozen=True, slots=True)
class Volume:
    """Tiers of which one holds for the whole month."""

    tiers: tuple[Tier, ...]
    counts: bool = True
    by_dimension: bool = False
    unit: str = ""

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the first tier's price."""
        return self.tiers[0].price, 1, per_unit

    def charge(self, use: Use) -> list[Part]:
        """Return one part at the price of the tier that the month's total lies in."""
        for number, tier in enumerate(self.tiers, start=1):
            if tier.upper is None or use.total <= tier.upper:
                return [Part(f"tier-{number}", use.base, use.base, use.per_unit, tier.price)]
        raise AssertionError("the last tier has no bound")


def _parse(fields: Fields) -> PriceRule:
    return Volume(parse_tiers(fields))


RULE = RuleKind(_parse, ("tiers",))
