"""What a tenant's month is rated with, and the notes that a sealed statement leaves on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from billing.books import queries
from billing.books.loading import meter_facts
from billing.books.models import (
    Commitment,
    Contract,
    CreditDraw,
    CreditGrant,
    ExchangeRate,
    PlanPrices,
    PriceBook,
)
from billing.books.segments import Agreement, PlanBook, of_plans, with_contract
from billing.pricing import types as pricing
from billing.pricing.book import Book
from billing.pricing.fx import Rate, Rates
from billing.pricing.periods import Period
from billing.pricing.reading import parse_book
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Tenant

Row = TypeVar("Row", CreditGrant, Commitment)

HOUSE_CURRENCY = "EUR"  # of statements without a contract


@dataclass(frozen=True)
class Market:
    """The prices of a month, the same for every tenant: loaded once for a thousand statements."""

    month: Period
    books: tuple[Book, ...]
    standing: tuple[pricing.Segment, ...]  # of a tenant without a contract
    rates: Rates


def load_market(month: Period) -> Market:
    """Return the prices of a month; three statements. Raises Refused prices_missing where none were loaded."""
    start, end = month.start.date(), month.end.date()
    rows = PriceBook.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=start), effective_from__lt=end
    )
    books = tuple(_book(row) for row in rows)
    plans = PlanPrices.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=start), effective_from__lt=end
    )
    named = [
        PlanBook(row.plan, row.book, _moment(row.effective_from), _until(row.effective_to)) for row in plans
    ]
    if not books or not named:
        detail = (
            f"No prices hold in {month.start:%B %Y}; the platform's team has to load a price book for it."
        )
        raise Refused("prices_missing", detail, status=409)
    known = ExchangeRate.objects.filter(since__lt=end)
    rates = Rates.of(Rate(row.base, row.quote, _moment(row.since), row.rate, row.source) for row in known)
    return Market(month, books, of_plans(month, named, books), rates)


def currency_of(tenant_id: UUID, day: date) -> str:
    """Return the currency of a tenant's statements."""
    held = Contract.objects.filter(Q(ends__isnull=True) | Q(ends__gt=day), tenant=tenant_id, starts__lte=day)
    return held.values_list("currency", flat=True).first() or HOUSE_CURRENCY


def segments(tenant: Tenant | UUID, month: Period) -> tuple[pricing.Segment, ...]:
    """Return which book holds when, for which plans, with which discount; see `terms` for all that rating wants."""
    return terms(tenant, month).segments


def terms(tenant: Tenant | UUID, month: Period, *, market: Market | None = None) -> pricing.Terms:
    """Return everything but usage that a tenant's month is rated with; with a market, three statements."""
    tenant_id = tenant if isinstance(tenant, UUID) else tenant.id
    return terms_of([tenant_id], month, market=market)[tenant_id]


def terms_of(
    tenants: Sequence[UUID], month: Period, *, market: Market | None = None
) -> dict[UUID, pricing.Terms]:
    """Return the terms of many tenants; as many statements as for one."""
    market = market or load_market(month)
    start, end = month.start.date(), month.end.date()
    contracts = {
        row.tenant_id: row
        for row in Contract.objects.filter(
            Q(ends__isnull=True) | Q(ends__gt=start), tenant__in=tenants, starts__lt=end
        )
    }
    grants = _by_tenant(
        CreditGrant.objects.filter(tenant__in=tenants, starts__lt=end, expires__gt=start).prefetch_related(
            "draws"
        )
    )
    commitments = _by_tenant(Commitment.objects.filter(tenant__in=tenants, starts__lte=start, ends__gte=end))
    found = {}
    for tenant_id in tenants:
        contract = contracts.get(tenant_id)
        found[tenant_id] = pricing.Terms(
            month=month,
            currency=contract.currency if contract else HOUSE_CURRENCY,
            segments=_segments(market, contract),
            rates=market.rates,
            grants=tuple(_grant(row, start) for row in grants.get(tenant_id, ())),
            commitments=tuple(_commitment(row) for row in commitments.get(tenant_id, ())),
        )
    return found


@transaction.atomic
def note_use(*, tenant: Tenant | UUID, terms: pricing.Terms, rated: pricing.Rated) -> None:
    """Note what a sealed statement was made with: its books, rates and agreements never change again, its credits are drawn.

    To be called in the sealing's transaction; the same month again draws nothing more. Raises Refused credit_short (409) where a
    grant has less than was rated: rate again.
    """
    until = terms.month.end.date()
    used = sorted({(line.book, line.book_version) for line in rated.lines if line.book})
    queries.mark_books(used, until)
    bases = {segment.book.currency for segment in terms.segments}
    bases |= {grant.currency for grant in terms.grants} | {held.currency for held in terms.commitments}
    if others := sorted(bases - {terms.currency}):
        queries.mark_rates(others, terms.currency, until)
    contracts = sorted({segment.contract for segment in terms.segments if segment.contract})
    queries.mark_agreements(contracts, [use.commitment for use in rated.commitments], until)
    tenant_id = tenant if isinstance(tenant, UUID) else tenant.id
    for drawn in sorted(rated.drawn, key=lambda entry: entry.grant):
        if not drawn.drawn:
            continue
        row, fresh = CreditDraw.objects.get_or_create(
            tenant_id=tenant_id,
            grant_id=UUID(drawn.grant),
            month=terms.month.start.date(),
            defaults={"amount": drawn.drawn},
        )
        if fresh and not queries.draw(row.grant_id, drawn.drawn):
            detail = "Another month has drawn on this credit meanwhile; rate this month again, then seal it."
            raise Refused("credit_short", detail, status=409)


@lru_cache(maxsize=256)
def _parsed(key: str, version: int, digest: str) -> Book:
    del digest  # another document under the same version is another book
    document = PriceBook.objects.get(key=key, version=version).document
    return parse_book(document, meter_facts(), whole=False)


def _book(row: PriceBook) -> Book:
    book = _parsed(row.key, row.version, row.digest)
    until = _until(row.effective_to)
    return book if book.effective_to == until else replace(book, effective_to=until)


def _segments(market: Market, contract: Contract | None) -> tuple[pricing.Segment, ...]:
    if contract is None:
        return market.standing
    agreed = Agreement(str(contract.id), contract.book, frozenset(contract.plans), contract.discount_percent)
    return with_contract(market.month, market.standing, agreed, market.books)


def _grant(row: CreditGrant, month: date) -> pricing.Grant:
    """A grant as it stood before the month, whatever was drawn later: so that a month is rated again as it was."""
    drawn = sum((draw.amount for draw in row.draws.all() if draw.month < month), start=row.amount * 0)
    return pricing.Grant(
        str(row.id),
        row.title,
        row.currency,
        row.amount,
        row.amount - drawn,
        _moment(row.starts),
        _moment(row.expires),
    )


def _commitment(row: Commitment) -> pricing.Commitment:
    return pricing.Commitment(
        str(row.id),
        row.title,
        row.meter,
        row.dimension,
        row.units,
        row.currency,
        row.fee,
        _moment(row.starts),
        _moment(row.ends),
    )


def _by_tenant(rows: Iterable[Row]) -> dict[UUID, list[Row]]:
    found: dict[UUID, list[Row]] = {}
    for row in rows:
        found.setdefault(row.tenant_id, []).append(row)
    return found


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _until(day: date | None) -> datetime | None:
    return None if day is None else _moment(day)
