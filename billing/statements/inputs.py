"""Gathers what statements are made of: usage of many tenants at once, books by version, what closed months hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from billing.books.loading import meter_facts
from billing.books.models import PriceBook
from billing.meters.registry import unbilled
from billing.pricing.book import Book
from billing.pricing.gathering import bills_inferred, pieces_of
from billing.pricing.reading import parse_book
from billing.pricing.types import CORRECTION, Category, Line, Terms, UsageItem
from billing.statements import queries
from billing.statements.canonical import COSTS, Booked
from billing.statements.models import Charge

Coverage = tuple[int, int, int, int]  # seconds: alive, observed, inferred, unknown
NOBODY: Coverage = (0, 0, 0, 0)


def usage_of(terms: dict[UUID, Terms]) -> dict[UUID, list[UsageItem]]:
    """Return what tenants used in the month of their terms, all of one month; two statements.

    Inferred time is left out, unless the book in force then bills it. Days that go on are not in it.
    """
    if not terms:
        return {}
    month = next(iter(terms.values())).month
    first, last = month.start.date(), month.end.date()
    edges = sorted({piece.start.date() for held in terms.values() for piece in pieces_of(held)})
    values = {
        "tenants": list(terms), "first": first, "last": last, "edges": edges, "unbilled": sorted(unbilled())
    }  # fmt: skip
    queries.make_room()
    found: dict[UUID, list[UsageItem]] = defaultdict(list)
    inferring = {
        tenant for tenant, held in terms.items() if any(part.book.bills_inferred for part in held.segments)
    }
    moments = {day: _moment(day) for day in _days(first, last)}
    lives = _Lives(values)
    for row in queries.rows(queries.USAGE, values):
        tenant, source, days, since, until, inferred, quantity, *whose = row
        account, plan = whose[0], whose[2]
        start, billed = moments[since], quantity
        seen, guessed, alive = lives.known(tenant, source, account, plan, days)
        if tenant in inferring and bills_inferred(terms[tenant], plan, start):
            billed, seen = quantity + inferred, seen + guessed
        found[tenant].append(UsageItem._make((*whose, start, moments[until], billed, seen, alive)))
    return found


class _Lives:
    """How much of runtimes' days is known. Most meters of a runtime were used on the same days: these are added up once."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._days = {tuple(row[:4]): row[4:] for row in queries.rows(queries.LIVES, values)}
        self._sums: dict[tuple[Any, ...], tuple[int, int, int]] = {}

    def known(self, tenant: UUID, source: int, account: str, plan: str, days: int) -> tuple[int, int, int]:
        """Return the seconds that were observed, inferred and lived on days, each of which is a bit."""
        key = (tenant, source, account, plan, days)
        found = self._sums.get(key)
        if found is None:
            each = zip(*self._days[key[:4]], strict=True)
            seen = [known for bit, *known in each if bit & days]
            observed, inferred, alive = map(sum, zip(*seen, strict=True))
            found = self._sums[key] = (observed, inferred, alive)
        return found


def coverage_of(tenants: Sequence[UUID], first: date, last: date) -> dict[UUID, Coverage]:
    """Return how much of tenants' time on the days [first, last) is known; one statement."""
    values = {"tenants": list(tenants), "first": first, "last": last}
    return {tenant: (alive, *known) for tenant, alive, *known in queries.rows(queries.COVERAGE, values)}


def books_at(wanted: Iterable[tuple[str, int, str]]) -> dict[tuple[str, int], Book]:
    """Return books by key and version as they are stored; raises KeyError for one that is gone or says something else now."""
    return {(key, version): replace(_book(key, version, digest)) for key, version, digest in wanted}


def booked_of(tenant: UUID, origin: date, *, before: int | None = None) -> list[Booked]:
    """Return what sealed statements hold of a month: its own lines, and corrections in later ones (below number `before`)."""
    sealed = (
        Charge.objects.of(tenant).filter(statement__state="sealed").exclude(credit__startswith="adjustment:")
    )
    if before is not None:
        sealed = sealed.filter(statement__number__lt=before)
    own = sealed.filter(statement__month=origin, origin_month__isnull=True)
    later = sealed.filter(origin_month=origin)
    rows = (own | later).select_related("statement").order_by("statement__number", "position")
    return [booked_line(row) for row in rows]


def booked_line(row: Charge) -> Booked:
    """Return a stored line as rating made it."""
    fields = (
        row.line_id, Category(row.category), row.charge_class, _text(row.account), _text(row.runtime), row.plan, row.region,
        row.meter, row.dimension, row.period_start, row.period_end, row.quantity, row.unit, row.consumed_quantity,
        row.consumed_unit, int(row.base_quantity), row.list_unit_price, row.contracted_unit_price,
        *(getattr(row, name) for name in COSTS), row.currency, row.book, row.book_version, row.price_line, row.part,
        row.commitment, row.commitment_status, row.credit, row.observed_seconds, row.alive_seconds, row.description,
    )  # fmt: skip
    line = Line._make(fields)
    assert (line.class_ == CORRECTION) == (row.origin_month is not None)  # noqa: S101 - the table's CHECK
    return Booked(line, row.origin_month, row.booked_as)


def available(terms: Terms, left: dict[str, Decimal]) -> Terms:
    """Return terms whose grants hold no more than is left of them."""
    if not terms.grants:
        return terms
    grants = tuple(
        replace(grant, remaining=max(min(grant.remaining, left.get(grant.id, grant.remaining)), Decimal(0)))
        for grant in terms.grants
    )
    return replace(terms, grants=grants)


@lru_cache(maxsize=256)
def _book(key: str, version: int, digest: str) -> Book:
    row = PriceBook.objects.filter(key=key, version=version, digest=digest).first()
    if row is None:
        raise KeyError(f"{key}/{version}")
    return parse_book(row.document, meter_facts(), whole=False)


def _days(first: date, last: date) -> Iterator[date]:
    for number in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(number)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
