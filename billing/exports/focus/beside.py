"""The two datasets that 1.4 has beside CostAndUsage: what state a month is in, and the lines of sealed statements."""

from __future__ import annotations

import json
from datetime import datetime

from billing.exports.focus.charge import Charge
from billing.exports.focus.columns import Row, Value
from billing.exports.focus.costs import COST_RULES
from billing.exports.focus.mapping import SERVICES, clean
from billing.exports.focus.ruling import Judge, Rule, moment
from billing.pricing.periods import Period


def period_row(month: Period, *, issuer: str, closed: bool, touched: datetime | None) -> dict[str, Value]:
    """Return the row of a month; a statement that was drafted or sealed last at `touched` touched it last."""
    return {
        "BillingPeriodCreated": month.start,
        "BillingPeriodEnd": month.end,
        "BillingPeriodLastUpdated": max(month.start, (touched or month.start).replace(microsecond=0)),
        "BillingPeriodStart": month.start,
        "BillingPeriodStatus": "Closed" if closed else "Open",
        "InvoiceIssuerName": issuer,
    }


def invoice_row(charge: Charge, *, issuer: str, payment_terms: str) -> dict[str, Value] | None:
    """Return the row of a line of a sealed statement; None of a draft's, which nobody was sent."""
    line = charge.line
    if not charge.statement or charge.sealed_at is None:
        return None
    sealed = charge.sealed_at.replace(microsecond=0)
    return {
        "BilledCost": line.billed_cost,
        "BillingAccountId": charge.tenant.id,
        "BillingCurrency": line.currency,
        "BillingPeriodEnd": charge.month.end,
        "BillingPeriodStart": charge.month.start,
        "ChargeCategory": str(line.category),
        "InvoiceDetailCreated": sealed,
        "InvoiceDetailDescription": clean(line.description),
        "InvoiceDetailGrain": _grain(charge),
        "InvoiceDetailId": line.line_id,
        "InvoiceDetailLastUpdated": sealed,
        "InvoiceId": charge.statement,
        "InvoiceIssueDate": sealed,
        "InvoiceIssueStatus": "Issued",
        "InvoiceIssuerName": issuer,
        "PaymentDueDate": None,
        "PaymentTerms": payment_terms,
        "ReferenceInvoiceId": charge.mends or charge.statement,
    }


def _grain(charge: Charge) -> str:
    """What tells the line from others: FOCUS's keys where there are some, then our own."""
    line = charge.line
    given = {
        "RegionId": line.region,
        "ResourceId": line.runtime,
        "ServiceName": SERVICES[line.meter][0] if line.meter in SERVICES else "",
        "SkuId": line.price_line,
        "SkuMeter": line.meter,
        "SubAccountId": line.account,
        "x_ChargePeriodStart": f"{line.start:%Y-%m-%dT%H:%M:%SZ}",
        "x_Commitment": line.commitment,
        "x_Credit": line.credit,
        "x_Dimension": line.dimension,
        "x_Part": line.part,
        "x_Plan": line.plan,
    }
    found = {key: value for key, value in given.items() if value}
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def _not_before(column: str, other: str) -> Judge:
    def judge(row: Row) -> str | None:
        later, earlier = moment(row, column), moment(row, other)
        if later is None or earlier is None or later >= earlier:
            return None
        return f"{column} {later.isoformat()} is before {other} {earlier.isoformat()}."

    return judge


def _issued(row: Row) -> str | None:
    if row.get("InvoiceIssueStatus") != "Issued" or row.get("InvoiceIssueDate") is not None:
        return None
    return "An issued invoice has the date on which it was issued."


OF_COSTS = {"BilledCost-MinorUnit", "BillingPeriodEnd-AfterStart", "BillingPeriodStart-WholeMonth"}
BESIDE_RULES = (
    *(rule for rule in COST_RULES if rule.name in OF_COSTS),
    *(
        Rule(f"{noun}LastUpdated-NotBeforeCreated", f"{noun}LastUpdated", _not_before(f"{noun}LastUpdated", f"{noun}Created"))
        for noun in ("BillingPeriod", "InvoiceDetail")
    ),
    Rule("InvoiceIssueDate-OfIssued", "InvoiceIssueDate", _issued),
)  # fmt: skip
