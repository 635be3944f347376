"""The contract of a price rule: what it is told, and the parts of a charge that it answers. Pure; whole numbers only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

from billing.pricing.money import Price
from billing.pricing.types import ENGINE_VERSION

if TYPE_CHECKING:
    from billing.pricing.fields import Fields


class UnpricedError(Exception):
    """A quantity that the rule has no price for; the message says what to add to the price book."""


class Stand(NamedTuple):
    """What a scope used since the month began, and how long its runtimes were seen."""

    used: int
    seen: int


@dataclass(slots=True)
class Use:
    """What one scope (a tenant, account or runtime) used of one price line in one piece of the month.

    Quantities are base units x seconds; `per_unit` of them make one unit. `spent` and the shares are of the whole scope. Nothing
    need have been used in the piece: of a month that is cut, one may have brought time alone.
    """

    base: int
    per_unit: int
    before: int = 0  # used in earlier pieces of the month
    total: int = 0  # used in the whole month
    dimension: str = ""
    observed_seconds: int = 0  # in this piece
    observed_before: int = 0
    observed_total: int = 0  # in the whole month
    month_seconds: int = 1
    share: Fraction = Fraction(1)  # of the month in which this book holds for the scope
    first: bool = True  # this piece is the scope's first of the month
    last: bool = True
    spent: Fraction = Fraction(
        0
    )  # charged in earlier pieces of the month, in major units of the book's currency
    ahead: tuple[Stand, ...] = ()  # at the end of each later piece of the month that the same rule prices
    engine: str = ENGINE_VERSION  # that the month is rated with

    @property
    def stands(self) -> tuple[Stand, ...]:
        """How the month stands before this piece, at its end, and at the end of each later one."""
        seen = self.observed_before + self.observed_seconds
        return (
            Stand(self.before, self.observed_before),
            Stand(self.before + self.base, seen),
            *self.ahead,
        )

    def of(self, *, base: int, before: int, total: int, ahead: tuple[Stand, ...] = ()) -> Use:
        """Return the same use of another quantity: what is left once some of it is taken off."""
        return replace(self, base=base, before=before, total=total, ahead=ahead)


class Part(NamedTuple):
    """One part of a charge: numerator/denominator priced units at one price; `base` is the consumption that it covers."""

    label: str
    base: int
    numerator: int
    denominator: int
    price: Price
    unit: str = ""  # "" is the meter's

    @property
    def amount(self) -> Fraction:
        """The exact charge in major units of the book's currency."""
        return Fraction(self.numerator, self.denominator) * Fraction(self.price.amount)


def within(label: str, parts: list[Part]) -> list[Part]:
    """Return the parts of the rule inside one with a label; its own are numbered from there, so that no two are called alike."""
    return [
        part._replace(label=_deeper(part.label)) if _kind(part.label) == label else part for part in parts
    ]


def _kind(label: str) -> str:
    return label.partition("-")[0]


def _deeper(label: str) -> str:
    kind, _, number = label.partition("-")
    return f"{kind}-{int(number or 1) + 1}"


class PriceRule(Protocol):
    """A price as a book states it."""

    @property
    def counts(self) -> bool:
        """Whether what was used before in the month matters; reckoned per tenant unless the book says otherwise."""

    @property
    def by_dimension(self) -> bool:
        """Whether each machine type (or other dimension) is reckoned by itself."""

    @property
    def unit(self) -> str:
        """The priced unit; "" is the meter's own."""

    def list_price(self, dimension: str, per_unit: int) -> tuple[Price, int, int]:
        """Return the price that a first unit has, and how many priced units one base unit is, as a ratio."""

    def charge(self, use: Use) -> list[Part]:
        """Return the parts of the charge; raises UnpricedError."""


@dataclass(frozen=True, slots=True)
class RuleKind:
    """What a rule's file hands to the loader as RULE: how it is read from a price book."""

    parse: Callable[[Fields], PriceRule]
    fields: tuple[str, ...]  # what a book may write beside `rule`


ZERO = Price(Decimal(0), 0, 1)
