"""Takes back a bill that should never have been booked: of another provider's name, another payer, another month."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.exports import queries
from billing.exports.bills.reading import the_bill
from billing.exports.models import BillPlace, ProviderBill
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

LONGEST_REASON = 300
TAKEN_BACK = (
    "The bill was taken back. It is booked again once its files change, or when it is imported by hand."
)


@transaction.atomic
def remove_bill(*, actor: Actor, bill_id: UUID, reason: str) -> str:
    """Remove a bill with all that was booked of it, and return what it was; the same file may be imported again.

    Raises Refused: forbidden 403, bill_not_found 404, bill_changed 409, reason_missing.
    """
    seen, words = the_bill(actor, bill_id), reason.strip()[:LONGEST_REASON]
    if not words:
        raise Refused("reason_missing", "Say in a sentence why the bill is taken back.", field="reason")
    # Not while it is imported anew; and what that has made of it meanwhile is not what was looked at.
    queries.rows(queries.LOCK_BILL, [f"{seen.provider} {seen.payer} {seen.month}"])
    row = the_bill(actor, bill_id)
    if row.imports != seen.imports:
        detail = "The bill was imported anew in this very moment; look at it again, then take it back."
        raise Refused("bill_changed", detail, status=409)
    told = {
        "provider": row.provider, "payer": row.payer, "month": f"{row.month:%Y-%m}", "lines": row.lines,
        "amount": f"{row.amortized:.2f} {row.currency}", "source": row.source, "reason": words,
    }  # fmt: skip
    # The row before its place, as whoever looks at places locks them.
    if not ProviderBill.objects.select_for_update().filter(pk=row.pk).exists():
        raise Refused("bill_not_found", f"There is no bill {bill_id}.", status=404)
    # Where it came from by itself, it stays away: what lies there is booked once its files change, or by hand.
    BillPlace.objects.filter(bill=row).update(fault=TAKEN_BACK)
    row.delete()
    audit.record(
        "bill.remove", actor=actor, tenant_id=None, target_type="bill", target_id=bill_id, changes=told
    )
    return f"{row.provider} {row.payer} {row.month:%B %Y}"
