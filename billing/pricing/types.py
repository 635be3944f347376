"""What goes into rating and what comes out of it. Times are UTC and half-open, quantities whole base units, money is Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from billing.pricing.book import Book
    from billing.pricing.fx import Rates
    from billing.pricing.periods import Period

ENGINE_VERSION = (
    "3"  # raised whenever the same input gives other lines; a sealed statement names the one it was made with
)
FIRST_ENGINE, SECOND_ENGINE = "1", "2"
ENGINES = (
    FIRST_ENGINE,
    SECOND_ENGINE,
    ENGINE_VERSION,
)  # all that can be rated with still: what they sealed stays checkable


class Category(StrEnum):
    """What a line is for, in FOCUS's words."""

    USAGE = "Usage"
    PURCHASE = "Purchase"
    CREDIT = "Credit"
    ADJUSTMENT = "Adjustment"
    TAX = "Tax"


CORRECTION = "Correction"  # the class of a line that mends one of a closed period
USED, UNUSED = "Used", "Unused"  # the status of what a commitment covers


class MeterFacts(NamedTuple):
    """What pricing must know of a meter; `per_unit` base units x seconds (of a counter: base units) make one `unit`."""

    unit: str
    per_unit: int
    has_dimension: bool = False


class UsageItem(NamedTuple):
    """What one runtime used of one meter in a while, as the roll-ups have it: only what may be billed."""

    account: str
    runtime: str
    plan: str
    region: str
    meter: str
    dimension: str
    start: datetime
    end: datetime
    quantity: int  # base units x seconds
    observed_seconds: int
    alive_seconds: int


class Line(NamedTuple):
    """One charge. Costs are rounded to the currency's minor unit once; unit price x quantity is the cost before that.

    `list_` is before the contract's discount, `contracted_` after it, `billed_cost` what the statement demands, `effective_cost`
    what it costs when a commitment's fee is spread over what the commitment covers.
    """

    line_id: str  # the same whenever the same thing is rated again
    category: Category
    class_: str  # "" or CORRECTION
    account: str
    runtime: str
    plan: str
    region: str
    meter: str
    dimension: str
    start: datetime
    end: datetime
    quantity: Decimal  # in priced units
    unit: str
    consumed_quantity: Decimal  # in the meter's unit
    consumed_unit: str
    base_quantity: int  # consumed, in base units: exact
    list_unit_price: Decimal
    contracted_unit_price: Decimal
    list_cost: Decimal
    contracted_cost: Decimal
    billed_cost: Decimal
    effective_cost: Decimal
    currency: str
    book: str  # its key; "" for what no book prices
    book_version: int
    price_line: str
    part: str  # "tier-2", "included", "minimum", "included-2" of one within another; "" where a price has one part only
    commitment: str = ""  # its id
    commitment_status: str = ""  # "", USED, UNUSED
    credit: str = ""  # id of the grant, or the book's key
    observed_seconds: int = 0
    alive_seconds: int = 0
    description: str = ""


class Problem(NamedTuple):
    """One thing that could not be rated; everything else was. A statement with a problem must not be sealed."""

    row: int  # of the items, from 0; -1 where no single row is at fault
    field: str
    code: str
    detail: str  # a sentence that ends with the remedy


@dataclass(frozen=True, slots=True)
class Segment:
    """Which version of which book holds for some plans in a piece of the month, and the contract's discount on it."""

    start: datetime
    end: datetime
    book: Book
    plans: frozenset[str] | None = None  # None: every plan that no other segment names
    discount_percent: Decimal = Decimal(0)
    contract: str = ""  # its id


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit that may be drawn from `starts` until `expires`; `remaining` is what earlier months left."""

    id: str
    title: str
    currency: str
    granted: Decimal
    remaining: Decimal
    starts: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """What other months of the tenant took of the credit that a book gives by itself, in their statements' currency."""

    book: str  # its key
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Commitment:
    """So many units of a meter a month, for a fee a month, used or not; holds for whole months."""

    id: str
    title: str
    meter: str
    dimension: str  # "" covers every dimension of the meter
    units: Decimal
    currency: str
    fee: Decimal
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything but usage that one tenant's month is rated with."""

    month: Period
    currency: str  # of the statement
    segments: tuple[Segment, ...]
    rates: Rates
    grants: tuple[Grant, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    given: tuple[Given, ...] = ()  # of books whose credit has a limit


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of one grant in the month: drawn + expired + remaining = what there was before."""

    grant: str
    currency: str  # the grant's own
    before: Decimal
    drawn: Decimal
    expired: Decimal
    remaining: Decimal
    drawn_billed: Decimal = Decimal(0)  # the same in the statement's currency


@dataclass(frozen=True, slots=True)
class CommitmentUse:
    """What became of one commitment in the month: used + unused = committed, in units of its meter."""

    commitment: str
    committed: Decimal
    used: Decimal
    unused: Decimal


@dataclass(frozen=True, slots=True)
class Rated:
    """The lines of one tenant's month, in a fixed order, and what they took from credits and commitments."""

    currency: str
    lines: tuple[Line, ...]
    drawn: tuple[Drawn, ...] = ()
    commitments: tuple[CommitmentUse, ...] = ()
    problems: tuple[Problem, ...] = ()
    engine_version: str = ENGINE_VERSION
    books: Mapping[str, str] = field(
        default_factory=dict
    )  # {key/version: content hash} of every book that priced a line

    @property
    def billed(self) -> Decimal:
        """The total of the statement: the sum of its lines, which were rounded before."""
        return sum((line.billed_cost for line in self.lines), Decimal(0))
