"""What FinOps asks for by hand: a draft at once, and whether a sealed statement is as it was."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.db import transaction

from billing.statements.drafting import draft
from billing.statements.models import Statement
from billing.statements.verifying import check_statement
from controlplane.kernel import dates
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require

EARLIEST = date(2020, 1, 1)


@transaction.atomic
def draft_now(*, actor: Actor, tenant: Tenant, month: date) -> Statement:
    """Draft a month of a tenant, even an empty one. Raises Refused 403, 409 statement_sealed or statement_busy, 422."""
    require(actor, Permission.STATEMENT_MANAGE, tenant_id=tenant.id)
    if not EARLIEST <= month <= utcnow().date():
        raise Refused("month_invalid", "Name a month that has begun, such as 2026-10.", field="month")
    draft([tenant.id], month)
    rows = Statement.objects.filter(tenant=tenant, month=month)
    row: Statement | None = rows.select_related("tenant").first()
    if row is None:
        raise Refused(
            "statement_busy", "This statement is being made elsewhere; try again in a moment.", status=409
        )
    if row.number:
        detail = f"{month:%B %Y} is sealed; what changed since stands in the draft of a later month."
        raise Refused("statement_sealed", detail, status=409)
    audit.record(
        "statement.draft",
        actor=actor,
        tenant_id=tenant.id,
        target_type="statement",
        target_id=row.pk,
        changes={"month": month},
    )
    return row


def recheck(*, actor: Actor, statement_id: UUID) -> list[str]:
    """Rate a sealed statement again; return a sentence for everything that differs. Raises Refused 403, 404, 409."""
    row: Statement | None = Statement.objects.filter(pk=statement_id).first()
    if row is None:
        raise Refused("statement_not_found", f"There is no statement {statement_id}.", status=404)
    require(actor, Permission.STATEMENT_MANAGE, tenant_id=row.tenant_id)
    if not row.number:
        raise Refused("statement_open", "This is a draft; only what is sealed can be checked.", status=409)
    return check_statement(row)


def read_month(text: str) -> date:
    """Read a month as 2026-10; raises Refused month_invalid."""
    found = dates.read_month(text)
    if found is None:
        detail = f"“{text[:20]}” is no month; write it as 2026-10."
        raise Refused("month_invalid", detail, field="month")
    return found
