"""What people see of prices: FinOps every version and whom it prices, a tenant what things cost for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from billing.books.models import Commitment, Contract, CreditGrant, ExchangeRate, PlanPrices, PriceBook
from billing.books.rights import require_read
from billing.books.sentences import LineWords, lines_in_words
from billing.books.services import terms
from billing.books.uploading import Field, difference
from billing.pricing.periods import Period
from billing.pricing.types import Segment
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Held:
    """One version of a book as it prices some plans of a tenant for a while; `plans` is None for every other plan."""

    book: str
    version: int
    title: str
    currency: str
    start: datetime
    end: datetime
    plans: tuple[str, ...] | None
    discount: Decimal  # per cent, by contract
    lines: tuple[LineWords, ...]
    free: tuple[str, ...]  # meters
    credit: Mapping[str, Any] | None  # title, percent and limit: given back by the book itself
    bills_inferred: bool

    @property
    def last(self) -> date:
        """The last day that it prices."""
        return (self.end - timedelta(microseconds=1)).date()


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost for a tenant in a month, and what it agreed."""

    currency: str
    held: tuple[Held, ...]
    contract: Contract | None
    credits: tuple[CreditGrant, ...]
    commitments: tuple[Commitment, ...]


def all_books(actor: Actor) -> QuerySet[PriceBook]:
    """Return every version of every book, by key, the newest first; raises Refused 403."""
    require_read(actor)
    return PriceBook.objects.order_by("key", "-version")


def the_book(actor: Actor, key: str, version: int) -> PriceBook:
    """Return one version; raises Refused 403, 404."""
    row = all_books(actor).filter(key=key, version=version).first()
    if row is None:
        raise Refused("price_book_not_found", f"There is no price book {key}/{version}.", status=404)
    return row


def book_named(actor: Actor, name: str) -> PriceBook:
    """Return the version that `key/version` names; raises Refused 403, 404."""
    key, _, version = name.partition("/")
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 7 else 0  # noqa: PLR2004
    return the_book(actor, key[:39], number)


def plans_of_books(day: date) -> dict[str, list[str]]:
    """Return which plans each book prices on a day or later, by the book's key."""
    found: dict[str, list[str]] = {}
    rows = PlanPrices.objects.filter(Q(effective_to__isnull=True) | Q(effective_to__gt=day))
    for row in rows.order_by("plan", "effective_from"):
        told = row.plan if row.effective_from <= day else f"{row.plan} from {row.effective_from}"
        found.setdefault(row.book, []).append(told)
    return found


def between(before: PriceBook, after: PriceBook) -> tuple[Field, ...]:
    """Return where two versions differ: (place, before, after)."""
    return difference(before.document, after.document)


def all_rates(actor: Actor) -> QuerySet[ExchangeRate]:
    """Return every exchange rate, the newest first; raises Refused 403."""
    require_read(actor)
    return ExchangeRate.objects.order_by("-since", "base", "quote")


def prices_of(tenant: Tenant, month: Period) -> Prices:
    """Return what things cost for a tenant in a month; raises Refused prices_missing 409."""
    found = terms(tenant, month)
    places = {(segment.book.key, segment.book.version) for segment in found.segments}
    keys = [key for key, _ in places]
    documents = {
        (row.key, row.version): row.document for row in PriceBook.objects.filter(key__in=keys)
    }  # a handful of versions each
    first, last = month.start.date(), month.end.date()
    during = Q(tenant=tenant, starts__lt=last)
    contract = Contract.objects.filter(during, Q(ends__isnull=True) | Q(ends__gt=first)).first()
    return Prices(
        found.currency,
        tuple(
            _held(segment, documents[segment.book.key, segment.book.version]) for segment in found.segments
        ),
        contract,
        tuple(CreditGrant.objects.filter(during, expires__gt=first).order_by("expires", "id")),
        tuple(Commitment.objects.filter(during, ends__gt=first).order_by("starts", "id")),
    )


def _held(segment: Segment, document: Mapping[str, Any]) -> Held:
    book, plans = segment.book, segment.plans
    priced = [
        entry
        for entry in document["lines"]
        if plans is None or not entry.get("plans") or plans & set(entry["plans"])
    ]
    return Held(
        book.key,
        book.version,
        book.title,
        book.currency,
        segment.start,
        segment.end,
        None if plans is None else tuple(sorted(plans)),
        segment.discount_percent,
        tuple(lines_in_words({"lines": priced}, discount=segment.discount_percent)),
        tuple(sorted(book.free)),
        document.get("credit"),
        book.bills_inferred,
    )
