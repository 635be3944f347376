"""What was agreed with a tenant ends earlier than it says: never before what statements were sealed with. All audited."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing.books.agreeing import check_months, end_contract, note
from billing.books.models import Commitment, CreditGrant
from billing.books.rights import require_manage, require_read
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.rights import seen_by

__all__ = ["end_commitment", "end_contract", "end_credit", "the_agreement", "visible"]


def visible(actor: Actor, model: type[Any]) -> QuerySet[Any]:
    """Return contracts, credits or commitments of everybody, the newest first; raises Refused 403."""
    require_read(actor)
    rows: QuerySet[Any] = model.objects.select_related("tenant").order_by("-id")
    return rows


def the_agreement(actor: Actor, model: type[Any], noun: str, agreement_id: UUID) -> Any:
    """Return one; raises Refused 404 alike for another tenant's and for none, 403 unless the actor may change it."""
    row = seen_by(actor, model.objects.select_related("tenant")).filter(pk=agreement_id).first()
    if row is None:
        raise Refused(f"{noun}_not_found", f"There is no {noun} {agreement_id}.", status=404)
    require_manage(actor)
    return row


@transaction.atomic
def end_commitment(*, actor: Actor, commitment_id: UUID, ends: date) -> Commitment:
    """Let a commitment end with an earlier month.

    Raises Refused: commitment_not_found 404, forbidden 403, not_a_month and period_empty 422, commitment_used and
    commitment_ended 409.
    """
    row: Commitment = the_agreement(actor, Commitment, "commitment", commitment_id)
    check_months(row.starts, ends)
    if row.used_until is not None and ends < row.used_until:
        detail = f"Statements were sealed with it until {row.used_until}; let it end then or later."
        raise Refused("commitment_used", detail, field="ends", status=409)
    if Commitment.objects.filter(pk=row.pk, ends__gt=ends).update(ends=ends) != 1:
        detail = f"The commitment ends on {row.ends} already; give an earlier day, or agree a new one."
        raise Refused("commitment_ended", detail, field="ends", status=409)
    row.refresh_from_db()
    note("commitment.end", actor, row.tenant_id, "commitment", row.pk, {"ends": ends})
    return row


@transaction.atomic
def end_credit(*, actor: Actor, credit_id: UUID, expires: date) -> CreditGrant:
    """Let a credit expire earlier; what was drawn stays drawn.

    Raises Refused: credit_not_found 404, forbidden 403, period_empty 422, credit_used and credit_ended 409.
    """
    row: CreditGrant = the_agreement(actor, CreditGrant, "credit", credit_id)
    if expires <= row.starts:
        raise Refused("period_empty", "A credit must expire after it starts.", field="expires")
    last = row.draws.order_by("-month").values_list("month", flat=True).first()
    if last is not None and expires < _month_after(last):
        detail = f"{last:%B %Y} has drawn on it; let it expire on {_month_after(last)} or later."
        raise Refused("credit_used", detail, field="expires", status=409)
    if CreditGrant.objects.filter(pk=row.pk, expires__gt=expires).update(expires=expires) != 1:
        detail = f"The credit expires on {row.expires} already; give an earlier day, or grant a new one."
        raise Refused("credit_ended", detail, field="expires", status=409)
    row.refresh_from_db()
    note("credit.end", actor, row.tenant_id, "credit", row.pk, {"expires": expires})
    return row


def _month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
