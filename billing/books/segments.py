"""Which version of which book holds for which plans in a month, and what a contract changes of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.pricing.book import Book
from billing.pricing.periods import Period
from billing.pricing.types import Segment


@dataclass(frozen=True, slots=True)
class PlanBook:
    """A plan's usage is priced by a book in a stretch of time."""

    plan: str
    book: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a contract changes: for some plans (none named: for all) another book, a discount, or both."""

    id: str
    book: str
    plans: frozenset[str]
    discount_percent: Decimal


def of_plans(month: Period, plans: Iterable[PlanBook], books: Iterable[Book]) -> tuple[Segment, ...]:
    """Return the segments of a tenant without a contract; plans that share a book share its segments."""
    versions = _by_key(books)
    named: dict[tuple[datetime, datetime, str, int], set[str]] = defaultdict(set)
    held: dict[tuple[str, int], Book] = {}
    for plan in plans:
        for book in versions.get(plan.book, ()):
            if span := _overlap(month, (plan.start, plan.end), (book.effective_from, book.effective_to)):
                named[(*span, book.key, book.version)].add(plan.plan)
                held[book.key, book.version] = book
    return tuple(
        Segment(start, end, held[key, version], frozenset(named[start, end, key, version]))
        for start, end, key, version in sorted(named)
    )


def with_contract(
    month: Period, standing: Sequence[Segment], agreed: Agreement, books: Iterable[Book]
) -> tuple[Segment, ...]:
    """Return the segments of a tenant with a contract for the month."""
    found: list[Segment] = []
    for segment in standing:
        theirs = segment.plans or frozenset()
        mine = theirs & agreed.plans if agreed.plans else theirs
        if theirs - mine:
            found.append(Segment(segment.start, segment.end, segment.book, theirs - mine))
        if mine and not agreed.book:
            found.append(
                Segment(segment.start, segment.end, segment.book, mine, agreed.discount_percent, agreed.id)
            )
    own = _by_key(books).get(agreed.book, ())
    spans = [(_overlap(month, (book.effective_from, book.effective_to)), book) for book in own]
    found += [
        Segment(*span, book, agreed.plans or None, agreed.discount_percent, agreed.id)
        for span, book in spans
        if span
    ]
    return tuple(
        sorted(found, key=lambda held: (held.start, held.end, held.book.key, sorted(held.plans or ())))
    )


def _by_key(books: Iterable[Book]) -> dict[str, list[Book]]:
    versions: dict[str, list[Book]] = defaultdict(list)
    for book in books:
        versions[book.key].append(book)
    return versions


def _overlap(month: Period, *spans: tuple[datetime, datetime | None]) -> tuple[datetime, datetime] | None:
    start = max([month.start, *(since for since, _ in spans)])
    end = min([month.end, *(until for _, until in spans if until is not None)])
    return (start, end) if start < end else None
