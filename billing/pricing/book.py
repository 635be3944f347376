"""A price book as rating uses it, once `reading.parse_book` has proved it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from billing.pricing.rules.base import PriceRule
from billing.pricing.types import MeterFacts


class Scope(StrEnum):
    """Over whose usage a price line counts its tiers, packages and minimums within a month."""

    TENANT = "tenant"
    ACCOUNT = "account"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a book: which usage it prices, and how. Empty selectors select everything."""

    key: str
    meter: str
    facts: MeterFacts
    rule: PriceRule
    per: Scope
    description: str = ""
    dimensions: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()

    def takes(self, dimension: str, plan: str, region: str) -> bool:
        """Whether usage of its meter is this line's."""
        return (
            (not self.dimensions or dimension in self.dimensions)
            and (not self.plans or plan in self.plans)
            and (not self.regions or region in self.regions)
        )


@dataclass(frozen=True, slots=True)
class BookCredit:
    """Credit that a book itself gives: so many per cent of every charge, until the limit."""

    title: str
    percent: Decimal
    limit: Decimal | None  # for all months of a tenant together, in the book's currency; None is without


@dataclass(frozen=True, slots=True)
class Book:
    """One version of a price book. The first line that takes a usage prices it; the meters in `free` cost nothing."""

    key: str
    version: int
    title: str
    currency: str
    effective_from: datetime
    effective_to: datetime | None
    lines: tuple[PriceLine, ...]
    meters: dict[str, MeterFacts]
    free: frozenset[str] = frozenset()
    credit: BookCredit | None = None
    bills_inferred: bool = False
    digest: str = ""
    _found: dict[tuple[str, str, str, str], PriceLine | None] = field(
        default_factory=dict, repr=False, compare=False, hash=False
    )

    def line_for(self, meter: str, dimension: str, plan: str, region: str) -> PriceLine | None:
        """Return the line that prices a usage, or None; looked for once per kind of usage."""
        key = (meter, dimension, plan, region)
        try:
            return self._found[key]
        except KeyError:
            takes = (
                line for line in self.lines if line.meter == meter and line.takes(dimension, plan, region)
            )
            line = self._found[key] = next(takes, None)
            return line
