"""What a statement was made of and what it says, as JSON of which equal things have equal bytes. Pure.

Everything that rating took is written, so that it can be rated again: usage, terms (books by key, version and content hash),
what closed months were mended with, and adjustments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from billing.pricing.amounts import plain
from billing.pricing.book import Book
from billing.pricing.fx import Rate, Rates
from billing.pricing.periods import Period
from billing.pricing.types import Commitment, Given, Grant, Line, Segment, Terms, UsageItem

COSTS = ("list_cost", "contracted_cost", "billed_cost", "effective_cost")


class Booked(NamedTuple):
    """A line as it stands in a statement; `origin` and `booked_as` are a correction's: its month, its costs in that currency."""

    line: Line
    origin: date | None = None
    booked_as: Mapping[str, str] | None = None

    @property
    def original(self) -> Line:
        """The line in the currency of the month that it is about."""
        if not self.booked_as:
            return self.line
        costs: dict[str, Any] = {name: Decimal(self.booked_as[name]) for name in COSTS}
        return self.line._replace(currency=self.booked_as["currency"], **costs)


def dumped(value: Any) -> bytes:
    """Return canonical JSON."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of(body: bytes) -> str:
    """Return its SHA-256 in hex."""
    return hashlib.sha256(body).hexdigest()


@lru_cache(maxsize=4096)
def moment(value: datetime) -> str:
    """Write a moment in UTC, to the second as usage and prices begin."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(text: str) -> datetime:
    """Read what `moment` wrote."""
    return datetime.fromisoformat(text)


def line_fields(line: Line) -> list[str | int]:
    """Return a line's fields in their order, numbers written plainly."""
    (
        line_id, category, class_, account, runtime, plan, region, meter, dimension, start, end, quantity, unit, consumed,
        consumed_unit, base, list_price, contracted_price, list_cost, contracted_cost, billed, effective, currency, book,
        version, price_line, part, commitment, status, credit, observed, alive, description,
    ) = line  # fmt: skip
    # Most of a line's numbers are one and the same object: each is written once.
    number, price, listed = plain(quantity), plain(list_price), plain(list_cost)
    contracted = listed if contracted_cost is list_cost else plain(contracted_cost)
    return [
        line_id, category.value, class_, account, runtime, plan, region, meter, dimension, moment(start), moment(end),
        number, unit, number if consumed is quantity else plain(consumed), consumed_unit, str(base),
        price, price if contracted_price is list_price else plain(contracted_price),
        listed, contracted, contracted if billed is contracted_cost else plain(billed),
        contracted if effective is contracted_cost else plain(effective), currency, book, version, price_line, part,
        commitment, status, credit, observed, alive, description,
    ]  # fmt: skip


def row_of(booked: Booked) -> list[Any]:
    """Return a line of a statement with what makes it a correction."""
    origin = booked.origin.isoformat() if booked.origin else None
    return [*line_fields(booked.line), origin, dict(booked.booked_as) if booked.booked_as else None]


def lines_body(lines: Iterable[Booked]) -> bytes:
    """Return the canonical bytes of a statement's lines, in their order."""
    return dumped([row_of(booked) for booked in lines])


def items_document(items: Iterable[UsageItem]) -> list[list[Any]]:
    """Return usage as lists."""
    return [[*item[:6], moment(item.start), moment(item.end), *item[8:]] for item in items]


def read_items(document: Iterable[Sequence[Any]]) -> list[UsageItem]:
    """Read what `items_document` wrote."""
    return [
        UsageItem._make([*row[:6], read_moment(row[6]), read_moment(row[7]), *row[8:]]) for row in document
    ]


def terms_document(terms: Terms) -> dict[str, Any]:
    """Return terms; of the exchange rates those into the statement's currency."""
    return {
        "month": [moment(edge) for edge in terms.month],
        "currency": terms.currency,
        "segments": [
            {
                "from": moment(held.start),
                "to": moment(held.end),
                "book": [held.book.key, held.book.version, held.book.digest],
                "plans": None if held.plans is None else sorted(held.plans),
                "discount": plain(held.discount_percent),
                "contract": held.contract,
            }
            for held in terms.segments
        ],
        "rates": [
            [rate.base, rate.quote, moment(rate.since), plain(rate.rate), rate.source]
            for rate in terms.rates.known
            if rate.quote == terms.currency
        ],
        "grants": [
            [g.id, g.title, g.currency, plain(g.granted), plain(g.remaining), moment(g.starts), moment(g.expires)]
            for g in terms.grants
        ],
        "commitments": [
            [c.id, c.title, c.meter, c.dimension, plain(c.units), c.currency, plain(c.fee), moment(c.starts), moment(c.ends)]
            for c in terms.commitments
        ],
        "given": [[given.book, given.currency, plain(given.amount)] for given in terms.given],
    }  # fmt: skip


def books_of(document: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Return key, version and content hash of every book that terms name."""
    return sorted(
        {(key, version, digest) for held in document["segments"] for key, version, digest in [held["book"]]}
    )


def read_terms(document: Mapping[str, Any], books: Mapping[tuple[str, int], Book]) -> Terms:
    """Read what `terms_document` wrote; raises KeyError for a book that is not given."""
    return Terms(
        month=Period(*(read_moment(edge) for edge in document["month"])),
        currency=document["currency"],
        segments=tuple(
            Segment(
                read_moment(held["from"]),
                read_moment(held["to"]),
                books[held["book"][0], held["book"][1]],
                None if held["plans"] is None else frozenset(held["plans"]),
                Decimal(held["discount"]),
                held["contract"],
            )
            for held in document["segments"]
        ),
        rates=Rates.of(
            Rate(base, quote, read_moment(since), Decimal(rate), source)
            for base, quote, since, rate, source in document["rates"]
        ),
        grants=tuple(
            Grant(id_, title, currency, Decimal(granted), Decimal(left), read_moment(starts), read_moment(expires))
            for id_, title, currency, granted, left, starts, expires in document["grants"]
        ),
        commitments=tuple(
            Commitment(
                id_, title, meter, dimension, Decimal(units), currency, Decimal(fee), read_moment(starts), read_moment(ends)
            )
            for id_, title, meter, dimension, units, currency, fee, starts, ends in document["commitments"]
        ),
        given=tuple(  # a statement of before has none, and knew of none
            Given(book, currency, Decimal(amount)) for book, currency, amount in document.get("given", ())
        ),
    )  # fmt: skip
