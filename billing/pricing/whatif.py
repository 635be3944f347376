"""What another price book would have made of a month: the same rating twice, and the difference. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from billing.pricing.book import Book
from billing.pricing.rating import rate
from billing.pricing.types import Line, Problem, Rated, Terms, UsageItem


class Difference(NamedTuple):
    """What one meter of one runtime was billed and would have been, less credits; a commitment's fee has no runtime."""

    account: str
    runtime: str
    meter: str
    dimension: str
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        """How much more, or less, it would have been."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Compared:
    """One tenant's month by both prices."""

    tenant: str
    currency: str
    before: Decimal
    after: Decimal
    differences: tuple[Difference, ...]  # only where there is one, the largest first
    problems: tuple[Problem, ...]  # of the other prices: what they could not rate

    @property
    def change(self) -> Decimal:
        """How much more, or less, the tenant would have been billed."""
        return self.after - self.before


def swapped(terms: Terms, other: Book, *, instead_of: str = "") -> Terms:
    """Return the terms with another book for the whole month, instead of one book or of all; discounts stay."""
    return replace(
        terms,
        segments=tuple(
            replace(segment, book=other) if instead_of in ("", segment.book.key) else segment
            for segment in terms.segments
        ),
    )


def infers_alike(terms: Terms, other: Terms) -> bool:
    """Whether terms and what `swapped` made of them bill inferred time in the same pieces of the month."""
    pairs = zip(terms.segments, other.segments, strict=True)
    return all(held.book.bills_inferred == instead.book.bills_inferred for held, instead in pairs)


def compare(
    tenant: str,
    items: Sequence[UsageItem],
    terms: Terms,
    other: Terms,
    *,
    others: Sequence[UsageItem] | None = None,
) -> Compared:
    """Rate the same usage by two terms; `others` is what the other terms bill of it, where that is not the same."""
    before, after = rate(items, terms), rate(items if others is None else others, other)
    return Compared(
        tenant,
        before.currency,
        before.billed,
        after.billed,
        tuple(differences(before, after)),
        after.problems,
    )


def differences(before: Rated, after: Rated) -> list[Difference]:
    """Return where two ratings differ, the largest change first, then in a fixed order."""
    ours, theirs = _sums(before.lines), _sums(after.lines)
    found = [
        Difference(*place, ours.get(place, Decimal(0)), theirs.get(place, Decimal(0)))
        for place in sorted({*ours, *theirs})
    ]
    return sorted((entry for entry in found if entry.change), key=lambda entry: -abs(entry.change))


def _sums(lines: Iterable[Line]) -> dict[tuple[str, str, str, str], Decimal]:
    sums: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line.account, line.runtime, line.meter, line.dimension] += line.billed_cost
    return sums
