"""What FinOps gives back or adds by hand: it stands in the tenant's next statement, with its title; the reason is audited."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from billing.books.queries import lock_statements
from billing.books.services import currency_of
from billing.pricing.amounts import plain
from billing.pricing.money import MoneyError, to_minor
from billing.pricing.types import Category
from billing.statements.models import Adjustment, State, Statement
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require

KINDS = (Category.CREDIT, Category.ADJUSTMENT)
LARGEST = Decimal(10) ** 9


@transaction.atomic
def book_adjustment(
    *, actor: Actor, tenant: Tenant, category: str, amount: Decimal, currency: str, title: str, reason: str
) -> Adjustment:
    """Give back (a negative amount) or add to a tenant's next statement.

    Raises Refused 403 and 422; currency_differs where that statement is in another one.
    """
    require(actor, Permission.STATEMENT_MANAGE, tenant_id=tenant.id)
    _check(category, amount, currency, {"title": title, "reason": reason})
    lock_statements(tenant.id)  # not while a statement is being made
    _check_currency(tenant, currency)
    row: Adjustment = Adjustment.objects.create(
        tenant=tenant,
        category=category,
        amount=amount,
        currency=currency,
        title=title.strip()[:120],
        reason=reason.strip()[:500],
        made_by=actor.name[:160],
    )
    told = {
        "category": category,
        "amount": plain(amount),
        "currency": currency,
        "title": row.title,
        "reason": row.reason,
    }
    audit.record(
        "statement.adjust",
        actor=actor,
        tenant_id=tenant.id,
        target_type="adjustment",
        target_id=row.pk,
        changes=told,
    )
    return row


@transaction.atomic
def withdraw_adjustment(*, actor: Actor, adjustment_id: UUID, now: datetime | None = None) -> Adjustment:
    """Take back what no sealed statement holds yet. Raises Refused 404, 409 adjustment_billed."""
    row: Adjustment | None = Adjustment.objects.filter(pk=adjustment_id).first()
    if row is None:
        raise Refused("adjustment_not_found", f"There is no adjustment {adjustment_id}.", status=404)
    require(actor, Permission.STATEMENT_MANAGE, tenant_id=row.tenant_id)
    lock_statements(row.tenant_id)
    open_rows = Adjustment.objects.filter(pk=row.pk, statement__isnull=True, withdrawn_at__isnull=True)
    if open_rows.update(withdrawn_at=now or utcnow()) != 1:
        detail = "It is billed or withdrawn already; book another one that makes up for it."
        raise Refused("adjustment_billed", detail, status=409)
    row.refresh_from_db()
    audit.record(
        "statement.withdraw_adjustment",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="adjustment",
        target_id=row.pk,
    )
    return row


def _check_currency(tenant: Tenant, currency: str) -> None:
    """In another currency than the next statement's it would only hold that one up."""
    drafts = Statement.objects.of(tenant.id).filter(state=State.DRAFT).order_by("month")
    wanted = drafts.values_list("currency", flat=True).first() or currency_of(tenant.id, utcnow().date())
    if currency != wanted:
        detail = f"The next statement of {tenant.name} is in {wanted}; book it in {wanted}."
        raise Refused("currency_differs", detail, field="currency")


def _check(category: str, amount: Decimal, currency: str, texts: dict[str, str]) -> None:
    if category not in KINDS:
        detail = "An adjustment is a Credit, which gives back, or an Adjustment, which may add too."
        raise Refused("category_unknown", detail, field="category")
    try:
        minor = to_minor(amount, currency)
    except MoneyError as error:
        raise Refused("amount_invalid", str(error), field="amount") from error
    if minor == 0 or abs(amount) >= LARGEST or (category == Category.CREDIT and minor > 0):
        detail = "Give an amount other than 0 and below a thousand million; a credit's is negative, such as -12.50."
        raise Refused("amount_invalid", detail, field="amount")
    for field, text in texts.items():
        if not text.strip():
            raise Refused("text_missing", f"Say the {field} in a few words.", field=field)
