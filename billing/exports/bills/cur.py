"""A row of AWS's Cost and Usage Report 2.0 (Data Exports, table COST_AND_USAGE_REPORT). Pure.

Amortized costs as AWS documents them: what a reservation or savings plan covers bears its share, the fee itself what is unused.
"""

from __future__ import annotations

from decimal import Decimal

from billing.exports.bills.groups import of_aws
from billing.exports.bills.line import BillLine, Raw, amount, currency, day, tags, text, within

PROVIDER = "aws"
NEEDED = (
    "bill_payer_account_id", "bill_billing_period_start_date", "bill_invoice_id", "line_item_usage_start_date",
    "line_item_product_code", "line_item_usage_type", "line_item_resource_id", "line_item_line_item_type",
    "line_item_unblended_cost", "line_item_currency_code",
)  # fmt: skip
USEFUL = (
    "resource_tags", "reservation_reservation_a_r_n", "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost", "savings_plan_total_commitment_to_date", "savings_plan_used_commitment",
)  # fmt: skip

# Line item types whose unblended cost is not what was used: the columns that count instead, added up. What we bill is without
# tax, so what it cost is too.
_INSTEAD: dict[str, tuple[str, ...]] = {
    "Tax": (),
    "DiscountedUsage": ("reservation_effective_cost",),
    "SavingsPlanCoveredUsage": ("savings_plan_savings_plan_effective_cost",),
    "SavingsPlanNegation": (),
    "SavingsPlanUpfrontFee": (),
    "RIFee": (
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation_unused_recurring_fee",
    ),
}


def read(row: Raw) -> BillLine:
    """Return the line of a row; raises RowError."""
    month = day(row, "bill_billing_period_start_date").replace(day=1)
    product, usage = text(row, "line_item_product_code", longest=100), text(row, "line_item_usage_type")
    unblended = amount(row, "line_item_unblended_cost", needed=True)
    return BillLine(
        payer=text(row, "bill_payer_account_id", needed=True, longest=64),
        month=month,
        invoice=text(row, "bill_invoice_id", longest=120),
        day=within(day(row, "line_item_usage_start_date"), month),
        product=product,
        meter_group=of_aws(product, usage),
        resource=text(row, "line_item_resource_id"),
        tags=tags(row, "resource_tags"),
        unblended=unblended,
        amortized=_amortized(row, unblended),
        currency=currency(row, "line_item_currency_code"),
    )


def _amortized(row: Raw, unblended: Decimal) -> Decimal:
    kind = text(row, "line_item_line_item_type")
    if kind == "SavingsPlanRecurringFee":
        return amount(row, "savings_plan_total_commitment_to_date") - amount(
            row, "savings_plan_used_commitment"
        )
    if kind == "Fee" and text(row, "reservation_reservation_a_r_n"):
        return Decimal(0)
    if kind in _INSTEAD:
        return sum((amount(row, column) for column in _INSTEAD[kind]), Decimal(0))
    return unblended
