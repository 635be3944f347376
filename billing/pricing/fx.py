"""Exchange rates by day. Nothing is guessed: no rate is inverted, crossed or carried over from the future."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class Rate(NamedTuple):
    """One unit of `base` is worth `rate` of `quote`, from `since` until a later rate of the pair."""

    base: str
    quote: str
    since: datetime
    rate: Decimal
    source: str = ""


class RateMissingError(LookupError):
    """No rate holds for a pair of currencies at a moment; the message says which to add."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Every rate that a month may need."""

    known: tuple[Rate, ...] = ()

    @classmethod
    def of(cls, rates: Iterable[Rate]) -> Rates:
        """Take rates in any order."""
        return cls(tuple(sorted(rates)))

    def at(self, base: str, quote: str, moment: datetime) -> Decimal:
        """Return the rate in force at a moment; raises RateMissingError."""
        if base == quote:
            return Decimal(1)
        held = [
            rate for rate in self.known if (rate.base, rate.quote) == (base, quote) and rate.since <= moment
        ]
        if not held:
            day = moment.date().isoformat()
            raise RateMissingError(
                f"There is no exchange rate from {base} to {quote} for {day}; add one that holds from {day} or earlier."
            )
        return held[-1].rate
