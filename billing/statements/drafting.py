"""Drafts statements: reads what many tenants used, rates what changed since the last time, and writes that.

Each batch is one transaction: killed anywhere, it is as if it had not begun. Two of these share the work. A batch that breaks is
halved until the one is found whose draft can't be made; the others' are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from billing.books.services import Market, load_market
from billing.pricing.amounts import plain
from billing.pricing.periods import Period, month_of
from billing.pricing.types import ENGINE_VERSION
from billing.statements import queries
from billing.statements.canonical import digest_of, dumped, row_of
from billing.statements.models import State, Statement
from billing.statements.preparing import Prepared, draws_of, prepare, redraws_of
from billing.statements.rating import Made, make
from billing.statements.telling import tell_undrafted
from billing.statements.writing import write_lines
from billing.usage.slots import start_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.collecting import uncollected
from controlplane.kernel.ids import uuid7

log = structlog.get_logger(__name__)
BATCH = 50
NOBODYS_OWN = 20  # drafts that break before any is made: then it is no tenant's own fault
MOST_PROBLEMS = 50  # that a draft shows; the first is enough to begin with
FIELDS = (
    "currency", "total", "charges_count", "input_digest", "lines_digest", "books", "engine_version", "usage_bound",
    "alive_seconds", "observed_seconds", "inferred_seconds", "unknown_seconds", "drawn", "redrawn", "commitments", "problems",
    "names", "drafted_at",
)  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """A draft that was made: its row, what it was made of, and what came out."""

    row: Statement
    body: bytes  # the canonical inputs
    prepared: Prepared
    made: Made
    rows: list[list[Any]]  # its lines as they are written and hashed
    is_written: bool = False  # the very lines stand there already


def period_of(month: date) -> Period:
    """Return a month by its first day."""
    return month_of(start_of(month))


def draft_month(
    month: date,
    *,
    now: datetime | None = None,
    company: Callable[[date, datetime], object] | None = None,
    beside: bool = False,
) -> int:
    """Draft a month for every tenant that has anything in it; return how many drafts came out different.

    `company` is called once where much changed, with the month and the moment: it asks a second worker to go `beside` this one,
    from the other end. What one has drafted at that moment the other leaves as it is; where asking fails, this one goes on
    alone. A tenant whose draft can't be made is logged, told to FinOps once and left as it was; the others are drafted. Raises
    Refused prices_missing where no price book holds in the month, and what broke where that was everybody's draft.
    """
    moment = now or utcnow()
    period = period_of(month)
    pending = start_of(month) <= moment < period.end
    tenants = queries.tenants_of(month, period.end.date(), pending=pending)
    market = load_market(period) if tenants else None
    batches = [tenants[place : place + BATCH] for place in range(0, len(tenants), BATCH)]
    made, since = 0, moment if beside else None
    walk = _Walk(month, market, moment)
    for number, batch in enumerate(reversed(batches) if beside else batches, 1):
        found = walk.draft(batch, since)
        made += found
        if company and since is None and 2 * found > len(batch) and number < len(batches):
            since = moment
            try:
                company(month, moment)
            except Exception:  # a broker that is away makes the month slower, no more
                log.warning("statements.alone", month=str(month), exc_info=True)
    return made


class _Walk:
    """One way through a month's tenants: drafts batches, and sets apart whose draft can't be made."""

    def __init__(self, month: date, market: Market | None, moment: datetime) -> None:
        self.month, self.market, self.moment = month, market, moment
        self.is_anybody_fine = False
        self.broken = 0

    def draft(self, batch: Sequence[UUID], since: datetime | None) -> int:
        """Return how many drafts of a batch came out different; raises where nothing can be drafted now, or nobody's."""
        try:
            found = len(draft(batch, self.month, market=self.market, now=self.moment, since=since))
        except Exception as error:
            if not connection.is_usable():  # nobody else's would be made either
                raise
            if len(batch) == 1:
                self._set_apart(batch[0], error)
                return 0
        else:
            self.is_anybody_fine = True
            return found
        middle = len(batch) // 2
        return self.draft(batch[:middle], since) + self.draft(batch[middle:], since)

    def _set_apart(self, tenant: UUID, error: Exception) -> None:
        self.broken += 1
        log.error("statements.draft_broke", month=str(self.month), tenant=str(tenant), exc_info=error)
        if not self.is_anybody_fine and self.broken == NOBODYS_OWN:
            raise error
        try:
            tell_undrafted(tenant, self.month, error)
        except DatabaseError:  # nothing at all can be written now
            raise
        except Exception:
            log.exception("statements.break_not_told", tenant=str(tenant))


@transaction.atomic
def draft(
    tenants: Sequence[UUID],
    month: date,
    *,
    market: Market | None = None,
    now: datetime | None = None,
    again: bool = False,
    since: datetime | None = None,
) -> list[Draft]:
    """Draft a month for some tenants; who is being drafted or sealed elsewhere, or is sealed, is left out.

    So is whose draft came out different at `since` or later. Returns the drafts that came out different, with `again` all of
    them.
    """
    with uncollected():
        held = queries.try_lock(tenants)
        rows = {row.tenant_id: row for row in Statement.objects.filter(tenant__in=held, month=month)}
        free = [tenant for tenant in held if tenant not in rows or _is_due(rows[tenant], since)]
        return _drafted(free, rows, month, market, now or utcnow(), again=again)


def _is_due(row: Statement, since: datetime | None) -> bool:
    return row.state == State.DRAFT and (since is None or row.drafted_at < since)


def _drafted(
    free: Sequence[UUID],
    rows: Mapping[UUID, Statement],
    month: date,
    market: Market | None,
    moment: datetime,
    *,
    again: bool,
) -> list[Draft]:
    if not free:
        return []
    prepared = prepare(free, month, market or load_market(period_of(month)))
    found = []
    for tenant, entry in prepared.items():
        row, body = rows.get(tenant), dumped(entry.document)
        digest = digest_of(body)
        if row is not None and row.input_digest == digest and not again:
            continue
        made = make(entry.document, entry.books, entry.booked, items=entry.items, terms=entry.terms)
        fresh = row or Statement(id=uuid7(), tenant_id=tenant, month=month)
        written = [row_of(booked) for booked in made.lines]
        lines_digest = digest_of(dumped(written))
        stands = row is not None and row.lines_digest == lines_digest
        filled = _filled(fresh, digest, entry, made, lines_digest, moment)
        found.append(Draft(filled, body, entry, made, written, stands))
    _write(found)
    return found


def _filled(
    row: Statement, digest: str, entry: Prepared, made: Made, lines_digest: str, now: datetime
) -> Statement:
    row.currency = entry.terms.currency
    row.total = made.total
    row.charges_count = len(made.lines)
    row.input_digest = digest
    row.lines_digest = lines_digest
    row.books = dict(made.rated.books)
    row.engine_version = ENGINE_VERSION
    row.usage_bound = now
    row.alive_seconds, row.observed_seconds, row.inferred_seconds, row.unknown_seconds = entry.coverage
    row.drawn = draws_of(made.drawn)
    row.redrawn = redraws_of(made.mended, entry.draws)
    row.commitments = [
        {
            "id": use.commitment,
            "committed": plain(use.committed),
            "used": plain(use.used),
            "unused": plain(use.unused),
        }
        for use in made.rated.commitments
    ]
    row.problems = [problem._asdict() for problem in made.problems[:MOST_PROBLEMS]]
    row.drafted_at = now
    return row


def _write(drafts: Sequence[Draft]) -> None:
    if not drafts:
        return
    lines = [booked.line for entry in drafts for booked in entry.made.lines]
    names = queries.names_of({line.account for line in lines} - {""}, {line.runtime for line in lines} - {""})
    for entry in drafts:
        named = {part for booked in entry.made.lines for part in (booked.line.account, booked.line.runtime)}
        entry.row.names = {part: names[part] for part in sorted(named & names.keys())}
    Statement.objects.bulk_create(
        [entry.row for entry in drafts], update_conflicts=True, unique_fields=["id"], update_fields=FIELDS
    )
    # Lines change with their digest and never by themselves, so equal ones stay as they lie: sealing mostly finds such.
    write_lines([(entry.row, entry.rows) for entry in drafts if not entry.is_written])
