"""Seals a statement: numbers and hashes it, in one transaction with all that follows. Nothing of it changes afterwards."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from billing.books.agreeing import grant_credit
from billing.books.models import CreditGrant
from billing.books.queries import draw as draw_credit
from billing.books.queries import lock_statements
from billing.books.services import note_use
from billing.pricing.amounts import plain
from billing.statements import queries
from billing.statements.canonical import digest_of, dumped
from billing.statements.drafting import Draft, draft
from billing.statements.models import Adjustment, Inputs, State, Statement
from billing.statements.stored import closed
from billing.statements.telling import tell_sealed
from billing.usage.late import is_settled, seal_month, settle, unmade
from billing.usage.models import Late, Progress
from billing.usage.slots import start_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor, Permission
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require


@transaction.atomic
def seal_statement(*, actor: Actor, statement_id: UUID, now: datetime | None = None) -> Statement:
    """Seal a month: rate it once more, hash inputs and lines, draw credits, tell the usage store and the tenant.

    Raises Refused 404, 403; 409 statement_sealed, month_open (it goes on), usage_unsettled (hours are still to be made),
    earlier_open (an earlier month is a draft), statement_blocked (something could not be rated), credit_short.
    """
    found: Statement | None = Statement.objects.filter(pk=statement_id).first()
    if found is None:
        raise Refused("statement_not_found", f"There is no statement {statement_id}.", status=404)
    require(actor, Permission.STATEMENT_MANAGE, tenant_id=found.tenant_id)
    moment, month = now or utcnow(), found.month
    lock_statements(found.tenant_id)
    state = Statement.objects.values_list("state", flat=True).get(pk=found.pk)
    if state == State.SEALED:
        raise _refused(
            "statement_sealed", f"The statement of {month:%B %Y} is sealed already; nothing is left to do."
        )
    queries.lock_days(month, queries.following(month))
    corrected = _late_months(found.tenant_id, month)
    for origin in sorted(corrected):
        queries.lock_days(origin, queries.following(origin))
    _check_time(found.tenant_id, month, moment)
    made = draft([found.tenant_id], month, now=moment, again=True)
    if not made:
        raise _refused(
            "statement_sealed", f"The statement of {month:%B %Y} is sealed already; nothing is left to do."
        )
    row = made[0].row
    if not corrected >= made[0].prepared.late.keys():  # it came in since, and its days are not held
        raise _refused("usage_unsettled", "Usage of an earlier month came in just now; try again.")
    if row.problems:
        raise blocked(row)
    _finish(made[0], actor, moment)
    tell_sealed(row)
    return row


def _finish(made: Draft, actor: Actor, now: datetime) -> None:
    """Do all that sealing does to rows."""
    row = made.row
    _draw(made)
    Inputs.objects.create(statement=row, tenant_id=row.tenant_id, document=closed(made.body))
    billed = [entry[0] for entry in made.prepared.document["adjustments"]]
    Adjustment.objects.filter(pk__in=billed, statement__isnull=True).update(statement=row)
    _close(row, actor.name, now)
    for origin, newest in made.prepared.late.items():
        settle(tenant_id=row.tenant_id, month=origin, newest=newest)
    seal_month(tenant_id=row.tenant_id, month=row.month)
    total = f"{plain(row.total)} {row.currency}"
    told = {"month": row.month, "number": row.number, "total": total, "digest": row.digest}
    audit.record(
        "statement.seal",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="statement",
        target_id=row.pk,
        changes=told,
    )


def may_be_sealed(month: date, now: datetime) -> bool:
    """Whether a month ended so long ago that its statements are sealed by themselves, and nothing older is still to come."""
    if settings.STATEMENT_SEALS_AFTER and not Path(settings.STATEMENT_SEALS_AFTER).exists():
        return False
    grace = timedelta(hours=settings.STATEMENT_GRACE_HOURS)
    return now >= start_of(queries.following(month)) + grace


def blocked(row: Statement) -> Refused:
    """Say why a statement can't be sealed."""
    first = row.problems[0]
    more = f" And {len(row.problems) - 1} more." if len(row.problems) > 1 else ""
    return _refused("statement_blocked", f"{row.month:%B %Y} can't be sealed: {first['detail']}{more}")


def digest_of_statement(row: Statement) -> str:
    """Return the hash over all that a sealed statement says: inputs, books, engine, lines, total."""
    return digest_of(
        dumped(
            {
                "tenant": str(row.tenant_id),
                "month": row.month.isoformat(),
                "number": row.number,
                "currency": row.currency,
                "total": plain(row.total),
                "inputs": row.input_digest,
                "lines": row.lines_digest,
                "books": row.books,
                "engine": row.engine_version,
            }
        )
    )


def system_seals(statement_id: UUID, now: datetime) -> Statement:
    """Seal what is due."""
    return seal_statement(actor=SYSTEM, statement_id=statement_id, now=now)


def _close(row: Statement, name: str, now: datetime) -> None:
    """Move draft → sealed, guarded; the database checks that the lines add up."""
    last = Statement.objects.of(row.tenant_id).aggregate(last=Max("number"))["last"] or 0
    row.number, row.state, row.sealed_at, row.sealed_by = last + 1, State.SEALED, now, name[:160]
    row.digest = digest_of_statement(row)
    moved = Statement.objects.filter(pk=row.pk, state=State.DRAFT).update(
        number=row.number,
        state=row.state,
        sealed_at=row.sealed_at,
        sealed_by=row.sealed_by,
        digest=row.digest,
    )
    if moved != 1:
        raise _refused("statement_sealed", "Somebody else sealed this statement meanwhile.")


def _draw(made: Draft) -> None:
    """Let the books know: prices are used, credits drawn, and what closed months drew follows their corrections."""
    tenant = made.row.tenant_id
    note_use(tenant=tenant, terms=made.prepared.terms, rated=made.made.rated)
    for entry in made.row.redrawn:
        by = Decimal(entry["by"])
        if by < 0:
            _give_back(made.row, entry["grant"], -by, entry["month"])
        elif not draw_credit(UUID(entry["grant"]), by):
            detail = "A credit was drawn by another month meanwhile; draft this month again, then seal it."
            raise _refused("credit_short", detail)


def _give_back(row: Statement, grant: str, amount: Decimal, origin: str) -> None:
    """What a closed month drew too much comes back as a grant from the next month on, unless it would have expired by then."""
    old, starts = CreditGrant.objects.get(pk=grant), queries.following(row.month)
    if old.expires > starts:
        grant_credit(
            actor=SYSTEM,
            tenant=Tenant.objects.get(pk=row.tenant_id),
            title=old.title,
            currency=old.currency,
            amount=amount,
            starts=starts,
            expires=old.expires,
            reason=f"Given back by the correction of {origin[:7]}",
        )


def _check_time(tenant_id: UUID, month: date, now: datetime) -> None:
    end = queries.following(month)
    if now < start_of(end):
        raise _refused("month_open", f"{month:%B %Y} goes on; it can be sealed once it is over.")
    reached = Progress.objects.filter(name="hours").values_list("reached", flat=True).first()
    if failed := unmade(month, end, tenant_id):
        detail = (
            f"{len(failed)} hours of {month:%B %Y} can't be made of what is stored of this tenant's runtimes, "
            f"the first is {failed[0]:%d %B %H:%M} UTC. "
            "The workers' log says why (usage.hour_not_made); seal the month when that is mended."
        )
        raise _refused("usage_unsettled", detail)
    if reached is None or reached < start_of(end) or not is_settled(month, end, tenant_id):
        detail = f"Some hours of {month:%B %Y} are still to be made; try again in a few minutes."
        raise _refused("usage_unsettled", detail)
    if Statement.objects.of(tenant_id).filter(month__lt=month, state=State.DRAFT).exists():
        raise _refused(
            "earlier_open", "An earlier month of this tenant is still a draft; seal that one first."
        )


def _late_months(tenant_id: UUID, month: date) -> set[date]:
    return set(Late.objects.filter(tenant_id=tenant_id, month__lt=month).values_list("month", flat=True))


def _refused(code: str, detail: str) -> Refused:
    return Refused(code, detail, status=409)
