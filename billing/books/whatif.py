"""What another price book would have made of a past month, tenant by tenant, before anyone activates it. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from django.db.models import QuerySet

from billing.books import ports
from billing.books.loading import BooksInvalidError, meter_facts, read_book
from billing.books.models import PriceBook
from billing.books.services import load_market, terms
from billing.books.usage_items import usage_items
from billing.pricing.book import Book
from billing.pricing.periods import Period
from billing.pricing.reading import parse_book
from billing.pricing.types import Terms, UsageItem
from billing.pricing.whatif import Compared, compare, infers_alike, swapped
from billing.usage.models import DayLife
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Tenant

Usage = Callable[[UUID, Terms], Sequence[UsageItem]]


def stored_usage(tenant_id: UUID, held: Terms) -> Sequence[UsageItem]:
    """Return a tenant's usage from the usage store."""
    return usage_items(tenant_id=tenant_id, terms=held)


def find_book(name: str) -> Book:
    """Return the version that `key/version` names, or that a YAML file holds; raises Refused book_unknown or book_invalid."""
    if name.endswith((".yaml", ".yml")):
        try:
            return read_book(Path(name))
        except BooksInvalidError as error:
            raise Refused("book_invalid", str(error), field="book") from error
    key, _, version = name.partition("/")
    row = PriceBook.objects.filter(key=key, version=int(version) if version.isdecimal() else 0).first()
    if row is None:
        known = ", ".join(str(row) for row in PriceBook.objects.all())
        detail = f"There is no price book {name}; name a YAML file, or one of: {known}."
        raise Refused("book_unknown", detail, field="book")
    return parse_book(row.document, meter_facts(), whole=False)


def rated_tenants(month: Period, *, after: str = "") -> QuerySet[Tenant]:
    """Return the tenants with usage in a month, by slug, those behind `after` alone."""
    days = DayLife.objects.filter(day__gte=month.start.date(), day__lt=month.end.date())
    found: QuerySet[Tenant] = Tenant.objects.filter(
        slug__gt=after, pk__in=days.values("tenant_id").distinct()
    )
    return found.order_by("slug")


def what_if(
    *, month: Period, book: Book, instead_of: str = "", usage: Usage = stored_usage, after: str = ""
) -> Iterator[Compared]:
    """Rate a month of every tenant with another book, instead of one book (by key) or of all; contracts' discounts stay.

    Credits count as the month's statement finds them: what other months draw is gone, also of what a book gives by itself up to
    a limit.

    By slug, those behind `after` alone: whoever shows them takes as many as fit. One tenant's usage is held at a time, and read
    for both books only where one bills inferred time and the other does not. Tenants of whom neither bills any
    usage are left out.
    """
    market, first = load_market(month), month.start.date()
    # Most of many tenants have no usage: they need not be asked one by one.
    tenants = rated_tenants(month, after=after) if usage is stored_usage else Tenant.objects.order_by("slug")
    for tenant in tenants.iterator(chunk_size=200):
        held = terms(tenant, month, market=market)
        held = ports.left_for(held, tenant_id=tenant.id, month=first)
        items = usage(tenant.id, held)
        other = swapped(held, book, instead_of=instead_of)
        others = items if infers_alike(held, other) else usage(tenant.id, other)
        if not (items or others):
            continue
        held = ports.limits_for(held, items, tenant_id=tenant.id, month=first)
        other = ports.limits_for(other, others, tenant_id=tenant.id, month=first)
        yield compare(tenant.slug, items, held, other, others=others)
