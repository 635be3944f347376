"""Puts together what a statement is made of: one document for each tenant, read in a few statements for many tenants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from billing.books.models import CreditDraw, CreditGrant
from billing.books.services import Market, terms_of
from billing.pricing.amounts import plain
from billing.pricing.book import Book
from billing.pricing.rating import rate
from billing.pricing.types import ENGINE_VERSION, Drawn, Rated, Terms, UsageItem
from billing.statements.canonical import Booked, books_of, items_document, read_terms, terms_document
from billing.statements.given import Taken, limited, note_taken, taken_before, with_given
from billing.statements.inputs import NOBODY, Coverage, available, booked_of, books_at, coverage_of, usage_of
from billing.statements.models import Adjustment, Inputs, State, Statement
from billing.statements.rating import Books
from billing.statements.stored import opened
from billing.usage.models import Late

Balances = dict[str, Decimal]  # of grants, in their own currencies


@dataclass(frozen=True)
class Prepared:
    """What one tenant's statement is made of: the document, and the same as objects."""

    document: dict[str, Any]
    items: Sequence[UsageItem]
    terms: Terms
    books: Books
    booked: dict[date, list[Booked]]
    draws: dict[date, Balances]  # what the corrected months have drawn so far
    coverage: Coverage
    late: dict[date, int]  # of each corrected month the newest note of a change that is in the document


@dataclass
class _Corrected:
    entries: list[dict[str, Any]] = field(default_factory=list)
    booked: dict[date, list[Booked]] = field(default_factory=dict)
    draws: dict[date, Balances] = field(default_factory=dict)
    books: dict[tuple[str, int], Book] = field(default_factory=dict)


def prepare(tenants: Sequence[UUID], month: date, market: Market) -> dict[UUID, Prepared]:
    """Return what each tenant's statement is made of now; the caller holds the tenants' locks."""
    held = terms_of(tenants, market.month, market=market)
    earlier = _earlier_drafts(tenants, month)
    first = [tenant for tenant in tenants if tenant not in earlier]
    late, adjustments = _late(first, month), _adjustments(first)
    left = _balances([tenant for tenant in tenants if held[tenant].grants or tenant in late])
    usage = usage_of(held)
    bounded = [tenant for tenant in tenants if tenant in late or limited(held[tenant], usage.get(tenant, ()))]
    taken = taken_before(bounded, month)
    corrected: dict[UUID, _Corrected] = {}
    for tenant in tenants:
        for grant, drawn in earlier.get(tenant, ()):
            left[tenant][grant] = left[tenant].get(grant, Decimal(0)) - drawn
        if tenant in late:
            corrected[tenant] = _corrected(tenant, sorted(late[tenant]), left[tenant], taken[tenant])
        held[tenant] = available(held[tenant], left.get(tenant, {}))
        if tenant in taken:
            held[tenant] = with_given(held[tenant], taken[tenant])
    coverage = coverage_of(tenants, month, market.month.end.date())
    found = {}
    for tenant in tenants:
        mended = corrected.get(tenant, _Corrected())
        books = _books(held[tenant]) | mended.books
        items = usage.get(tenant, [])
        known = coverage.get(tenant, NOBODY)
        document = {
            "tenant": str(tenant),
            "month": month.isoformat(),
            "engine": ENGINE_VERSION,
            "usage": items_document(items),
            "coverage": list(known),
            "terms": terms_document(held[tenant]),
            "corrected": mended.entries,
            "adjustments": adjustments.get(tenant, []),
        }
        found[tenant] = Prepared(
            document, items, held[tenant], books, mended.booked, mended.draws, known, late.get(tenant, {})
        )
    return found


def _books(terms: Terms) -> dict[tuple[str, int], Book]:
    return {(part.book.key, part.book.version): part.book for part in terms.segments}


def _earlier_drafts(tenants: Sequence[UUID], month: date) -> dict[UUID, list[tuple[str, Decimal]]]:
    """Return what drafts of earlier months are about to draw, by tenant; who has one is in it, even with nothing."""
    rows = Statement.objects.filter(tenant__in=tenants, month__lt=month, state=State.DRAFT)
    found: dict[UUID, list[tuple[str, Decimal]]] = defaultdict(list)
    for tenant, drawn in rows.values_list("tenant_id", "drawn"):
        found[tenant] += [(entry["grant"], Decimal(entry["drawn"])) for entry in drawn]
    return found


def _late(tenants: Sequence[UUID], month: date) -> dict[UUID, dict[date, int]]:
    """Return the sealed months before this one that came out different since, with the newest note of each."""
    sealed = set(
        Statement.objects.filter(tenant__in=tenants, month__lt=month, state=State.SEALED).values_list(
            "tenant_id", "month"
        )
    )
    found: dict[UUID, dict[date, int]] = defaultdict(dict)
    rows = Late.objects.filter(tenant__in=tenants, month__lt=month).order_by("id")
    for tenant, origin, note in rows.values_list("tenant_id", "month", "id"):
        if (tenant, origin) in sealed:
            found[tenant][origin] = note
    return found


def _adjustments(tenants: Sequence[UUID]) -> dict[UUID, list[list[str]]]:
    rows = Adjustment.objects.filter(tenant__in=tenants, statement__isnull=True, withdrawn_at__isnull=True)
    found: dict[UUID, list[list[str]]] = defaultdict(list)
    for row in rows.order_by("id"):
        found[row.tenant_id].append([str(row.id), row.category, plain(row.amount), row.currency, row.title])
    return found


def _balances(tenants: Sequence[UUID]) -> dict[UUID, Balances]:
    found: dict[UUID, Balances] = defaultdict(dict)
    for row in CreditGrant.objects.filter(tenant__in=tenants):
        found[row.tenant_id][str(row.id)] = row.amount - row.drawn
    return found


def _corrected(tenant: UUID, months: Sequence[date], left: Balances, taken: Taken) -> _Corrected:
    """Return the documents of closed months as they are now, and what is booked of them.

    Takes what they draw off `left`, and notes in `taken` what they take of books' own credits.
    """
    found = _Corrected()
    for origin in months:
        stored = Inputs.objects.of(tenant).get(statement__month=origin)
        document = orjson.loads(opened(stored.document))["terms"]
        books = books_at(books_of(document))
        draws = found.draws[origin] = _drawn_by(tenant, origin)
        # What it drew, and what no later month has drawn since.
        whole = {
            grant: left.get(grant, Decimal(0)) + draws.get(grant, Decimal(0)) for grant in {*left, *draws}
        }
        terms = with_given(available(read_terms(document, books), whole), taken, besides=origin)
        items = usage_of({tenant: terms}).get(tenant, [])
        now = rate(items, terms)
        note_taken(taken, origin, now.lines)
        for drawn in now.drawn:  # what it gives back is not there to be drawn before the next month
            more = drawn.drawn - draws.get(drawn.grant, Decimal(0))
            left[drawn.grant] = left.get(drawn.grant, Decimal(0)) - max(more, Decimal(0))
        found.books |= books
        found.booked[origin] = booked_of(tenant, origin)
        found.entries.append(
            {"month": origin.isoformat(), "usage": items_document(items), "terms": terms_document(terms)}
        )
    return found


def _drawn_by(tenant: UUID, origin: date) -> Balances:
    """Return what a closed month has drawn of each grant: when it was sealed, and by corrections since."""
    found: Balances = {}
    for grant, amount in CreditDraw.objects.of(tenant).filter(month=origin).values_list("grant_id", "amount"):
        found[str(grant)] = amount
    later = Statement.objects.of(tenant).filter(state=State.SEALED, month__gt=origin).exclude(redrawn=[])
    for entry in (entry for redrawn in later.values_list("redrawn", flat=True) for entry in redrawn):
        if entry["month"] == origin.isoformat():
            found[entry["grant"]] = found.get(entry["grant"], Decimal(0)) + Decimal(entry["by"])
    return found


def redraws_of(mended: Mapping[date, Rated], draws: Mapping[date, Balances]) -> list[dict[str, str]]:
    """Return how much more, or less, each closed month draws than it has, as JSON."""
    found = []
    for origin, rated in sorted(mended.items()):
        before, now = draws[origin], {entry.grant: entry.drawn for entry in rated.drawn}
        for grant in sorted({*before, *now}):
            by = now.get(grant, Decimal(0)) - before.get(grant, Decimal(0))
            if by:
                found.append({"month": origin.isoformat(), "grant": grant, "by": plain(by)})
    return found


def draws_of(drawn: Sequence[Drawn]) -> list[dict[str, str]]:
    """Return what became of grants, as JSON."""
    return [
        {
            "grant": entry.grant,
            "currency": entry.currency,
            "before": plain(entry.before),
            "drawn": plain(entry.drawn),
            "expired": plain(entry.expired),
            "remaining": plain(entry.remaining),
        }
        for entry in drawn
    ]
