"""Whoever uses it pays at least so much a month."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import ZERO, Part, PriceRule, RuleKind, Use, within
from billing.pricing.rules.per_unit import PerUnit


@dataclass(frozen=True, slots=True)
class Minimum:
    """What another rule charges, topped up to `amount` at the month's end; less where the book holds for less than the month."""

    amount: Price
    then: PriceRule
    counts: bool = True
    by_dimension: bool = False

    @property
    def unit(self) -> str:
        """As the other rule prices."""
        return self.then.unit

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return what a unit costs by the other rule."""
        return self.then.list_price(dimension, per_unit)

    def charge(self, use: Use) -> list[Part]:
        """Return the other rule's parts and, in the last piece of the month, what is missing."""
        parts = within("minimum", self.then.charge(use))
        if not use.last or not self.amount.numerator:
            return parts
        spent = use.spent + sum((part.amount for part in parts), Fraction(0))
        missing = use.share - spent / Fraction(self.amount.amount)
        if missing > 0:
            parts.append(
                Part("minimum", 0, missing.numerator, missing.denominator, self.amount, unit="Months")
            )
        return parts


def _parse(fields: Fields) -> PriceRule:
    then = fields.rule("then")
    if then is not None and then.by_dimension:
        fields.fault(
            "then", "rule_inside", "a minimum can't hold a rule by machine type; give that its own line."
        )
    return Minimum(fields.price("amount"), then or PerUnit(ZERO))


RULE = RuleKind(_parse, ("amount", "then"))
