"""A row of a plain CSV, for providers without a format of their own: one row a day, resource and kind of cost. Pure."""

from __future__ import annotations

from billing.exports.bills.groups import GROUPS
from billing.exports.bills.line import BillLine, Raw, RowError, amount, currency, day, tags, text

NEEDED = ("payer", "day", "meter_group", "cost", "currency")
USEFUL = ("resource", "product", "invoice", "amortized_cost", "tags")


def read(row: Raw) -> BillLine:
    """Return the line of a row; raises RowError."""
    on, cost = day(row, "day"), amount(row, "cost", needed=True)
    group = text(row, "meter_group")
    if group not in GROUPS:
        raise RowError("meter_group", f"{group[:20]!r} is none of {', '.join(GROUPS)}")
    return BillLine(
        payer=text(row, "payer", needed=True, longest=64),
        month=on.replace(day=1),
        invoice=text(row, "invoice", longest=120),
        day=on,
        product=text(row, "product", longest=100),
        meter_group=group,
        resource=text(row, "resource"),
        tags=tags(row, "tags"),
        unblended=cost,
        amortized=amount(row, "amortized_cost") if text(row, "amortized_cost") else cost,
        currency=currency(row, "currency"),
    )
