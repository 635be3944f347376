"""Takes back a bill that should never have been booked: of another provider's name, another payer, another month."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.exports import queries
from billing.exports.bills.reading import the_bill
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

LONGEST_REASON = 300


@transaction.atomic
def remove_bill(*, actor: Actor, bill_id: UUID, reason: str) -> str:
    """Remove a bill with all that was booked of it, and return what it was; the same file may be imported again.

    Raises Refused: forbidden 403, bill_not_found 404, reason_missing.
    """
    row, words = the_bill(actor, bill_id), reason.strip()[:LONGEST_REASON]
    if not words:
        raise Refused("reason_missing", "Say in a sentence why the bill is taken back.", field="reason")
    queries.rows(
        queries.LOCK_BILL, [f"{row.provider} {row.payer} {row.month}"]
    )  # not while it is imported anew
    told = {
        "provider": row.provider, "payer": row.payer, "month": f"{row.month:%Y-%m}", "lines": row.lines,
        "amount": f"{row.amortized:.2f} {row.currency}", "source": row.source, "reason": words,
    }  # fmt: skip
    row.delete()
    audit.record(
        "bill.remove", actor=actor, tenant_id=None, target_type="bill", target_id=bill_id, changes=told
    )
    return f"{row.provider} {row.payer} {row.month:%B %Y}"
