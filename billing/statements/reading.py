"""What people see of statements: a tenant its own, FinOps everybody's; drafts are marked as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from billing.statements.inputs import coverage_of
from billing.statements.models import Adjustment, Charge, State, Statement
from billing.statements.queries import following
from billing.statements.rating import ADJUSTMENT
from billing.usage.models import DayLife
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.rights import seen_by


def visible(actor: Actor) -> QuerySet[Statement]:
    """Return the statements that an actor may see; raises Refused 403."""
    require_read(actor)
    found: QuerySet[Statement] = seen_by(actor, Statement.objects.select_related("tenant"))
    return found


def the_statement(actor: Actor, statement_id: UUID) -> Statement:
    """Return one statement; raises Refused 404 alike for another tenant's and for none, 403."""
    row: Statement | None = (
        seen_by(actor, Statement.objects.select_related("tenant")).filter(pk=statement_id).first()
    )
    if row is None:
        raise Refused("statement_not_found", f"There is no statement {statement_id}.", status=404)
    require_read(actor)
    return row


def the_adjustment(actor: Actor, adjustment_id: UUID) -> Adjustment:
    """Return one adjustment; raises Refused 404 alike for another tenant's and for none."""
    row: Adjustment | None = seen_by(actor, Adjustment.objects.all()).filter(pk=adjustment_id).first()
    if row is None:
        raise Refused("adjustment_not_found", f"There is no adjustment {adjustment_id}.", status=404)
    return row


def lines_of(row: Statement) -> QuerySet[Charge]:
    """Return a statement's lines in their order."""
    found: QuerySet[Charge] = Charge.objects.of(row.tenant_id).filter(statement=row).order_by("position")
    return found


def ends_with_yesterday(row: Statement, *, today: date) -> bool:
    """Whether a draft of the month that goes on holds every day of its tenant's until yesterday, as they are known now."""
    yesterday = today - timedelta(days=1)
    if row.state != State.DRAFT or not row.month < today < following(row.month):
        return False
    held = (row.alive_seconds, row.observed_seconds, row.inferred_seconds, row.unknown_seconds)
    known = coverage_of([row.tenant_id], row.month, today).get(row.tenant_id)
    return known == held and DayLife.objects.filter(tenant_id=row.tenant_id, day=yesterday).exists()


def beside_usage(row: Statement) -> Decimal:
    """Return what a statement demands besides the month's own use: corrections of earlier months, and what was booked by hand."""
    apart = Q(origin_month__isnull=False) | Q(credit__startswith=ADJUSTMENT)
    found: Decimal | None = lines_of(row).filter(apart).aggregate(sum=Sum("billed_cost"))["sum"]
    return found or Decimal(0)


def the_line(row: Statement, line_id: str) -> Charge:
    """Return one line; raises Refused 404."""
    line: Charge | None = lines_of(row).filter(line_id=line_id).first()
    if line is None:
        raise Refused("line_not_found", f"The statement has no line {line_id[:64]}.", status=404)
    return line


def open_adjustments(actor: Actor) -> QuerySet[Adjustment]:
    """Return what waits for a statement; raises Refused 403 unless the actor books such."""
    require_manage(actor)
    rows = Adjustment.objects.filter(statement__isnull=True, withdrawn_at__isnull=True)
    found: QuerySet[Adjustment] = seen_by(actor, rows.select_related("tenant").order_by("-id"))
    return found


def require_read(actor: Actor) -> None:
    """Raise Refused 403 unless the actor may see statements."""
    if not actor.may(Permission.STATEMENT_READ):
        detail = "Statements are for finance people, admins and owners; ask an admin of the tenant for such a role."
        raise Refused("forbidden", detail, status=403)


def require_manage(actor: Actor) -> None:
    """Raise Refused 403 unless the actor drafts, checks and seals statements."""
    if not actor.may(Permission.STATEMENT_MANAGE):
        detail = "Only the platform's FinOps people draft, check, adjust and seal statements; ask one."
        raise Refused("forbidden", detail, status=403)


def name_in(names: Mapping[str, str], thing: UUID | None) -> str:
    """Return what an account or runtime was called when the statement was drafted, or its id where it had no name."""
    return "" if thing is None else names.get(str(thing), str(thing))
