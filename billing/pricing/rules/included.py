"""Some units are included; only what goes beyond them is priced, by another rule."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import ZERO, Part, PriceRule, RuleKind, Use
from billing.pricing.rules.per_unit import PerUnit

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Included:
    """So many base units a month, or for each hour in which the runtimes of the scope were seen."""

    monthly: int
    hourly: int
    then: PriceRule
    counts: bool = True

    @property
    def by_dimension(self) -> bool:
        """As what lies beyond is reckoned."""
        return self.then.by_dimension

    @property
    def unit(self) -> str:
        """As the other rule prices."""
        return self.then.unit

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return what a unit beyond the included costs."""
        return self.then.list_price(dimension, per_unit)

    def charge(self, use: Use) -> list[Part]:
        """Return the included part at no cost, then what the other rule says of the rest."""
        whole = use.before + use.base
        free_before = min(use.before, self._allowance(use.observed_before))
        free_after = min(whole, self._allowance(use.observed_before + use.observed_seconds))
        free = free_after - free_before
        allowance = self._allowance(use.observed_total)
        rest = use.of(
            base=use.base - free, before=use.before - free_before, total=max(use.total - allowance, 0)
        )
        parts = [Part("included", free, free, use.per_unit, ZERO)] if free else []
        return parts + (self.then.charge(rest) if rest.base else [])

    def _allowance(self, observed_seconds: int) -> int:
        return self.monthly + self.hourly * observed_seconds // HOUR


def _parse(fields: Fields) -> PriceRule:
    if ("units" in fields.data) == ("units_per_hour" in fields.data):
        fields.fault("", "included_unclear", "give either units, for a month, or units_per_hour.")
    monthly = fields.base("units") if "units" in fields.data else 0
    hourly = fields.base("units_per_hour") if "units_per_hour" in fields.data else 0
    return Included(monthly, hourly, fields.rule("then") or PerUnit(ZERO))


RULE = RuleKind(_parse, ("units", "units_per_hour", "then"))
