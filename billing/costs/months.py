"""One month of one tenant, rated as its statement would be: days that are over from days, today from its hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from billing.books.services import Market, load_market, terms
from billing.books.usage_items import items_of
from billing.costs.caching import digest_of, kept
from billing.costs.charges import Cell, by_day
from billing.costs.packing import Packed, pack, unpack
from billing.pricing.periods import Period, month_of
from billing.pricing.rating import rate
from billing.pricing.types import CommitmentUse, Drawn, Problem, Rated, Terms, UsageItem
from billing.statements.balances import as_drafted
from billing.statements.given import limited, taken_before, with_given
from billing.usage.reading import Lived, Used, lived, lived_today, used, used_today
from billing.usage.slots import start_of
from controlplane.kernel.dates import read_month
from controlplane.kernel.errors import Refused

ZERO = Decimal(0)


class Known(NamedTuple):
    """How much of a time is known, in seconds; seen, inferred and unknown make the time that runtimes lived."""

    observed: int = 0
    inferred: int = 0
    unknown: int = 0

    @property
    def alive(self) -> int:
        """The time that runtimes lived."""
        return self.observed + self.inferred + self.unknown

    @property
    def share(self) -> Decimal | None:
        """The part that was seen, 0 to 1; None where nothing lived."""
        return Decimal(self.observed) / self.alive if self.alive else None

    def and_(self, other: Known) -> Known:
        """Both together."""
        return Known(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Life(NamedTuple):
    """How much of a runtime's day is known."""

    day: date
    account: str
    runtime: str
    known: Known


@dataclass(frozen=True)
class Month:
    """A month so far. `cells` add up to `total`, to the last minor unit."""

    period: Period
    until: datetime  # what was used before is in it
    currency: str
    cells: tuple[Cell, ...]
    lives: tuple[Life, ...]
    drawn: tuple[Drawn, ...] = ()
    commitments: tuple[CommitmentUse, ...] = ()
    problems: tuple[Problem, ...] = ()

    @cached_property
    def total(self) -> Decimal:
        """What a statement of what was used so far would demand."""
        return sum((cell.cost for cell in self.cells), ZERO)

    @cached_property
    def credit(self) -> Decimal:
        """What credits gave back; zero or less."""
        return sum((cell.credit for cell in self.cells), ZERO)

    @cached_property
    def known(self) -> Known:
        """How much of its runtimes' time is known."""
        return together(self.lives)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be kept in the cache with its cells packed."""
        rest = (self.lives, self.drawn, self.commitments, self.problems)
        return _unpacked, (self.period, self.until, self.currency, pack(self.cells, self.currency), *rest)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be used in it."""
        return self.until >= self.period.end


def _unpacked(period: Period, until: datetime, currency: str, cells: Packed, *rest: Any) -> Month:
    return Month(period, until, currency, unpack(cells), *rest)


@dataclass(frozen=True)
class Material:
    """Everything a month is rated from; `digest` is the same as long as it is."""

    terms: Terms
    items: tuple[UsageItem, ...]
    lives: tuple[Life, ...]
    until: datetime
    digest: str


def together(lives: Iterable[Life]) -> Known:
    """Add up what is known."""
    sums = (0, 0, 0)
    for life in lives:
        sums = (sums[0] + life.known[0], sums[1] + life.known[1], sums[2] + life.known[2])
    return Known(*sums)


def load(*, tenant_id: UUID, moment: datetime, now: datetime, market: Market | None = None) -> Material:
    """Read what the month of `moment` is rated from; as many statements for ten runtimes as for one.

    Raises Refused prices_missing where no prices hold in it.
    """
    period = month_of(moment)
    held = terms(tenant_id, period, market=market or load_market(period))
    held = as_drafted(held, tenant_id=tenant_id, month=period.start.date())
    first, last = period.start.date(), min(period.end.date(), now.date())
    rows: list[Used] = []
    lives: list[Lived] = []
    if first < last:
        rows = used(tenant_id=tenant_id, first=first, last=last, by_day=True)
        lives = lived(tenant_id=tenant_id, first=first, last=last, by_day=True)
    if period.start < now < period.end and now.time() != now.time().min:
        rows += used_today(tenant_id=tenant_id, now=now)
        lives += lived_today(tenant_id=tenant_id, now=now)
    items = tuple(_fitting(items_of(rows, held)))
    if limited(held, items):
        held = with_given(held, taken_before([tenant_id], first)[tenant_id])
    seen = tuple(life_of(row) for row in lives)
    digest = digest_of(items, seen, _named(held))
    return Material(held, items, seen, min(now, period.end), digest)


def rated_month(material: Material, *, tenant_id: UUID) -> Month:
    """Return the month; rated only when something it is made of is new."""
    return kept(f"month:{tenant_id}", material.digest, lambda: _made(material, material.items))


def month_cost(*, tenant_id: UUID, moment: datetime, now: datetime) -> Month:
    """Return the month of a moment, as far as it has come."""
    return rated_month(load(tenant_id=tenant_id, moment=moment, now=now), tenant_id=tenant_id)


def _made(material: Material, items: Sequence[UsageItem]) -> Month:
    rated = rate(items, material.terms)
    return of_rated(material, rated, items)


def of_rated(material: Material, rated: Rated, items: Sequence[UsageItem]) -> Month:
    """Return what was rated as a month."""
    return Month(
        period=material.terms.month,
        until=material.until,
        currency=rated.currency,
        cells=tuple(by_day(rated.lines, items)),
        lives=material.lives,
        drawn=rated.drawn,
        commitments=rated.commitments,
        problems=rated.problems,
    )


def require_month(text: str, *, now: datetime) -> datetime:
    """Return the beginning of a month written 2026-11; raises Refused for what is none, or is yet to come."""
    month = read_month(text)
    if month is None:
        raise Refused("month_invalid", "month must look like 2026-11.", field="month", status=400)
    moment = start_of(month)
    if moment > now or moment.year < 2000:  # noqa: PLR2004 - nothing of ours is older
        raise Refused("month_invalid", "month must be this one or an earlier one.", field="month", status=400)
    return moment


def _fitting(items: Iterable[UsageItem]) -> Iterable[UsageItem]:
    """An item has a length and covers no more than its life: of the second that goes on, both may be short by rounding."""
    for item in items:
        if item.start < item.end:
            yield item._replace(alive_seconds=max(item.alive_seconds, item.observed_seconds))


def life_of(row: Lived) -> Life:
    """Return how much of a runtime's day is known, as it was read."""
    known = Known(row.observed_seconds, row.inferred_seconds, row.unknown_seconds)
    day = (row.end - timedelta(microseconds=1)).date()
    return Life(day, str(row.account), str(row.runtime), known)


def _named(held: Terms) -> tuple[object, ...]:
    """What tells these terms from others."""
    segments = [
        (
            segment.start,
            segment.end,
            segment.book.key,
            segment.book.version,
            segment.book.digest,
            sorted(segment.plans or ()),
            segment.discount_percent,
            segment.contract,
        )
        for segment in held.segments
    ]
    return (held.month, held.currency, segments, held.rates, held.grants, held.commitments, held.given)
