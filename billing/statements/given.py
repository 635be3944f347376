"""What each month of a tenant took of the credit that a book gives by itself, so that its limit holds for all of them together.

It is read from the lines themselves: those of earlier statements and drafts, corrections with the month that they mend.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from billing.pricing.types import Category, Given, Line, Terms, UsageItem
from billing.statements import queries

Taken = dict[date, dict[tuple[str, str], Decimal]]  # of each month by book and currency


def taken_before(tenants: Sequence[UUID], month: date, *, own: bool = False) -> dict[UUID, Taken]:
    """Return what statements and drafts of months before took of books' own credits, by the month they are about.

    With `own`, corrections that the month's own statement has are in it, where they take more, as `note_taken` counts them.
    """
    found: dict[UUID, Taken] = defaultdict(dict)
    if not tenants:
        return found
    values = {"tenants": list(tenants), "month": month, "own": own}
    for tenant, origin, book, currency, amount, is_own in queries.rows(queries.GIVEN, values):
        amounts = found[tenant].setdefault(origin, {})
        more = max(amount, Decimal(0)) if is_own else amount
        amounts[book, currency] = amounts.get((book, currency), Decimal(0)) + more
    return found


def limits_as_drafted(terms: Terms, items: Iterable[UsageItem], *, tenant_id: UUID, month: date) -> Terms:
    """Return a month's terms with what its statement finds taken of its books' own credits; one statement where that matters."""
    if not limited(terms, items):
        return terms
    return with_given(terms, taken_before([tenant_id], month, own=True)[tenant_id])


def limited(terms: Terms, items: Iterable[UsageItem]) -> bool:
    """Whether any usage is priced by a book whose credit has a limit."""
    books = [part for part in terms.segments if part.book.credit and part.book.credit.limit is not None]
    if not books:
        return False
    if any(part.plans is None for part in books):
        return True
    plans = frozenset[str]().union(*(part.plans or () for part in books))
    return any(item.plan in plans for item in items)


def with_given(terms: Terms, taken: Taken, *, besides: date | None = None) -> Terms:
    """Return terms that know what the other months took of their books' credits; the month `besides` is the own one."""
    keys = {
        part.book.key for part in terms.segments if part.book.credit and part.book.credit.limit is not None
    }
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for origin, amounts in taken.items():
        for (book, currency), amount in amounts.items():
            if origin != besides and book in keys:
                sums[book, currency] += amount
    given = (Given(*name, amount) for name, amount in sorted(sums.items()) if amount > 0)
    return replace(terms, given=tuple(given))


def note_taken(taken: Taken, origin: date, lines: Iterable[Line]) -> None:
    """Let what a closed month takes now count, where it is more; what it gives back is not there before the next statement."""
    now: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.category is Category.CREDIT and line.credit == line.book:
            now[line.book, line.currency] -= line.billed_cost
    before = taken.setdefault(origin, {})
    for name, amount in now.items():
        before[name] = max(amount, before.get(name, Decimal(0)))
