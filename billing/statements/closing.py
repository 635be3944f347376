"""The beat's work: drafts made anew where something changed, and what is due sealed. Two beats are harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime

import structlog
from django.db import connection
from django.db.models import Exists, OuterRef

from billing.statements import queries
from billing.statements.drafting import draft_month
from billing.statements.models import State, Statement
from billing.statements.sealing import may_be_sealed, system_seals
from billing.statements.telling import tell_blocked
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused

log = structlog.get_logger(__name__)
MOST_MONTHS = 24
SEALED_AT_ONCE = 500


def tick(*, now: datetime | None = None, company: Callable[[date, datetime], object] | None = None) -> int:
    """Draft every open month, oldest first, then seal what is due; return how many were sealed.

    `company` is called where much changed, as `draft_month` says.
    """
    moment = now or utcnow()
    for month in open_months(moment):
        draft_open(month, now=moment, company=company)
    return seal_due(moment)


def draft_open(
    month: date,
    *,
    now: datetime,
    company: Callable[[date, datetime], object] | None = None,
    beside: bool = False,
) -> None:
    """Draft a month, as `draft_month` does; one that breaks is logged and holds up no other."""
    try:
        draft_month(month, now=now, company=company, beside=beside)
    except Refused as refusal:
        log.warning("statements.not_drafted", month=str(month), reason=refusal.detail)
    except Exception as error:
        _go_on(error, "statements.draft_broke", month=str(month))


def seal_due(now: datetime) -> int:
    """Seal drafts of months that are over for the grace period, oldest first; what can't be is told to FinOps."""
    drafts = Statement.objects.filter(state=State.DRAFT, month__lt=now.date().replace(day=1)).order_by(
        "month", "id"
    )
    blocked = drafts.exclude(problems=[])
    for row in blocked[:SEALED_AT_ONCE]:
        if may_be_sealed(row.month, now):
            tell_blocked(row)
    sealed = 0
    # However many are blocked, they take no other one's turn.
    behind = blocked.filter(tenant=OuterRef("tenant"), month__lte=OuterRef("month")).order_by()
    for row in drafts.filter(~Exists(behind))[:SEALED_AT_ONCE]:
        if not may_be_sealed(row.month, now):
            break  # the others are younger
        try:
            system_seals(row.pk, now)
            sealed += 1
        except Refused as refusal:
            log.warning(
                "statements.not_sealed", statement=str(row.pk), code=refusal.code, reason=refusal.detail
            )
        except Exception as error:  # one tenant's that breaks holds up nobody else's
            _go_on(error, "statements.seal_broke", statement=str(row.pk), tenant=str(row.tenant_id))
    return sealed


def _go_on(error: Exception, event: str, **about: str) -> None:
    """Log what broke; raise it where the database is away, for then nothing else goes on either."""
    if not connection.is_usable():
        raise error
    log.error(event, **about, exc_info=error)


def open_months(now: datetime) -> Iterator[date]:
    """Yield the months that may want a statement: from the first that has usage or a draft, at most two years, to this one."""
    this = now.date().replace(day=1)
    first = queries.rows(queries.FIRST_DAY, [])[0][0] or this
    oldest = (
        Statement.objects.filter(state=State.DRAFT).order_by("month").values_list("month", flat=True).first()
    )
    month = max(min(first, oldest or this).replace(day=1), date(this.year - MOST_MONTHS // 12, this.month, 1))
    while month <= this:
        yield month
        month = queries.following(month)
