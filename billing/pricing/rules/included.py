"""Some units are included; only what goes beyond them is priced, by another rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from billing.pricing import engine_1
from billing.pricing.fields import Fields
from billing.pricing.money import Price
from billing.pricing.rules.base import ZERO, Part, PriceRule, RuleKind, Stand, Use, within
from billing.pricing.rules.per_unit import PerUnit
from billing.pricing.types import FIRST_ENGINE

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
        if use.engine == FIRST_ENGINE:
            return engine_1.charge_included(use, self.allowance, self.then)
        before, until, *later = self._beyond(use.stands)
        rest = use.of(
            base=until - before,
            before=before,
            total=max(use.total - self.allowance(use.observed_total), until),
            ahead=tuple(map(Stand, later, (stand.seen for stand in use.ahead))),
        )
        free = use.base - rest.base
        parts = [Part("included", free, free, use.per_unit, ZERO)] if free else []
        # A fee or a minimum is the whole month's: it is due in a piece that has nothing beyond, too.
        return parts + (within("included", self.then.charge(rest)) if rest.total else [])

    def allowance(self, observed_seconds: int) -> int:
        """Return how many base units are included once runtimes were seen for so long."""
        return self.monthly + self.hourly * observed_seconds // HOUR

    def _beyond(self, stands: Sequence[Stand]) -> list[int]:
        """Return how much lies beyond the included until each moment.

        Mostly that is as if the month ended there. But it never falls: what hours to come will cover lies beyond at no time. So
        no piece frees more than it used, and all together as much as the month in one.
        """
        over = [max(stand.used - self.allowance(stand.seen), 0) for stand in stands]
        return list(accumulate(reversed(over), min))[::-1]


def _parse(fields: Fields) -> PriceRule:
    if ("units" in fields.data) == ("units_per_hour" in fields.data):
        fields.fault("", "included_unclear", "give either units, for a month, or units_per_hour.")
    monthly = fields.base("units") if "units" in fields.data else 0
    hourly = fields.base("units_per_hour") if "units_per_hour" in fields.data else 0
    return Included(monthly, hourly, fields.rule("then") or PerUnit(ZERO))


RULE = RuleKind(_parse, ("units", "units_per_hour", "then"))
