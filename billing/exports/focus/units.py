"""Rules about which columns go together, and when they must be there."""

from __future__ import annotations

import re

from billing.exports.focus.columns import Row
from billing.exports.focus.ruling import Judge, Rule, corrects, is_a, number

_UNIT = re.compile(
    r"[A-Z][A-Za-z0-9 ]*(-(Seconds|Minutes|Hours|Days|Months))?(/(Second|Minute|Hour|Day|Month))?"
)
PRICED = ("PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "SkuId", "SkuPriceId", "PricingCategory")
OF_COMMITMENTS = tuple(
    f"CommitmentDiscount{part}" for part in ("Category", "Name", "Quantity", "Status", "Type", "Unit")
)


def _with(column: str, other: str) -> Judge:
    """Both or neither."""

    def judge(row: Row) -> str | None:
        if (row.get(column) is None) == (row.get(other) is None):
            return None
        return f"{column} and {other} are null together or not at all."

    return judge


def _only_with(column: str, other: str) -> Judge:
    def judge(row: Row) -> str | None:
        if row.get(column) is None or row.get(other) is not None:
            return None
        return f"{column} says nothing without {other}."

    return judge


def _needed(column: str) -> Judge:
    def judge(row: Row) -> str | None:
        if not is_a(row, "Usage", "Purchase") or corrects(row) or row.get(column) is not None:
            return None
        return f"{column} must not be null for {row.get('ChargeCategory')}."

    return judge


def _null_for_tax(column: str) -> Judge:
    def judge(row: Row) -> str | None:
        return f"{column} must be null for Tax." if is_a(row, "Tax") and row.get(column) is not None else None

    return judge


def _unit(column: str) -> Judge:
    def judge(row: Row) -> str | None:
        value = row.get(column)
        if value is None or _UNIT.fullmatch(str(value)):
            return None
        return f"{value!r} is not written as units are, such as GiB-Hours or Units/Month."

    return judge


def _consumed_of_usage(row: Row) -> str | None:
    if row.get("ConsumedQuantity") is None or is_a(row, "Usage"):
        return None
    return f"{row.get('ChargeCategory')} consumes nothing."


def _consumed_needed(row: Row) -> str | None:
    if not is_a(row, "Usage") or corrects(row) or row.get("CommitmentDiscountStatus") == "Unused":
        return None
    return None if row.get("ConsumedQuantity") is not None else "Usage must say how much was consumed."


def _unused_consumes_nothing(row: Row) -> str | None:
    if row.get("CommitmentDiscountStatus") != "Unused" or row.get("ConsumedQuantity") is None:
        return None
    return "What was not used was not consumed."


def _status_of_usage(row: Row) -> str | None:
    status = row.get("CommitmentDiscountStatus")
    if row.get("CommitmentDiscountId") is None or is_a(row, "Usage") == (status is not None):
        return None
    return "Used or Unused is said of a commitment's usage, and of nothing else."


def _committed_priced(row: Row) -> str | None:
    covered = row.get("CommitmentDiscountStatus") is not None
    if row.get("PricingCategory") is None or covered == (row.get("PricingCategory") == "Committed"):
        return None
    return "PricingCategory is Committed where a commitment covers the usage, and nowhere else."


def _amount_of_commitment(row: Row) -> str | None:
    if (
        row.get("CommitmentDiscountId") is None
        or corrects(row)
        or number(row, "CommitmentDiscountQuantity") is not None
    ):
        return None
    return "A commitment's row says of how many units."


def _frequency_of_category(row: Row) -> str | None:
    frequency = row.get("ChargeFrequency")
    based = frequency == "Usage-Based"
    if frequency is None or not ((is_a(row, "Purchase") and based) or (is_a(row, "Usage") and not based)):
        return None
    return f"{row.get('ChargeCategory')} is not charged {frequency}."


def _ratio(row: Row) -> str | None:
    value = number(row, "x_CoverageRatio")
    return None if value is None or 0 <= value <= 1 else f"{value} is no share from 0 to 1."


def _carbon(row: Row) -> str | None:
    value = number(row, "x_CarbonGrams")
    return (
        None if value is None or value >= 0 or corrects(row) else f"{value} g would be taken out of the air."
    )


def _account_and_sub_account(row: Row) -> str | None:
    same = row.get("SubAccountId") is not None and row.get("SubAccountId") == row.get("BillingAccountId")
    return "An account is not its own tenant." if same else None


FIELD_RULES: tuple[Rule, ...] = (
    Rule("PricingUnit-WithQuantity", "PricingUnit", _with("PricingUnit", "PricingQuantity")),
    Rule("ConsumedUnit-WithQuantity", "ConsumedUnit", _with("ConsumedUnit", "ConsumedQuantity")),
    *(Rule(f"{name}-NeededForUsageAndPurchase", name, _needed(name)) for name in PRICED),
    *(Rule(f"{name}-NullForTax", name, _null_for_tax(name)) for name in PRICED),
    *(Rule(f"{name}-Written", name, _unit(name)) for name in ("PricingUnit", "ConsumedUnit", "CommitmentDiscountUnit")),
    Rule("ConsumedQuantity-OnlyForUsage", "ConsumedQuantity", _consumed_of_usage),
    Rule("ConsumedQuantity-NeededForUsage", "ConsumedQuantity", _consumed_needed),
    Rule("ConsumedQuantity-NullWhenUnused", "ConsumedQuantity", _unused_consumes_nothing),
    Rule("CommitmentDiscountStatus-OnlyForUsage", "CommitmentDiscountStatus", _status_of_usage),
    *(Rule(f"{name}-WithId", name, _only_with(name, "CommitmentDiscountId")) for name in OF_COMMITMENTS),
    Rule("CommitmentDiscountUnit-WithQuantity", "CommitmentDiscountUnit",
         _with("CommitmentDiscountUnit", "CommitmentDiscountQuantity")),
    Rule("CommitmentDiscountQuantity-Needed", "CommitmentDiscountQuantity", _amount_of_commitment),
    Rule("PricingCategory-Committed", "PricingCategory", _committed_priced),
    Rule("ChargeFrequency-FitsCategory", "ChargeFrequency", _frequency_of_category),
    Rule("RegionName-WithId", "RegionName", _with("RegionName", "RegionId")),
    Rule("ResourceName-WithId", "ResourceName", _only_with("ResourceName", "ResourceId")),
    Rule("ResourceType-WithId", "ResourceType", _with("ResourceType", "ResourceId")),
    Rule("SubAccountName-WithId", "SubAccountName", _only_with("SubAccountName", "SubAccountId")),
    Rule("SubAccountType-WithId", "SubAccountType", _with("SubAccountType", "SubAccountId")),
    Rule("SubAccountId-NotBillingAccount", "SubAccountId", _account_and_sub_account),
    Rule("SkuPriceId-WithSkuId", "SkuPriceId", _with("SkuPriceId", "SkuId")),
    Rule("SkuPriceDetails-WithSkuPriceId", "SkuPriceDetails", _only_with("SkuPriceDetails", "SkuPriceId")),
    Rule("InvoiceDetailId-WithInvoiceId", "InvoiceDetailId", _with("InvoiceDetailId", "InvoiceId")),
    Rule("x_CoverageRatio-Share", "x_CoverageRatio", _ratio),
    Rule("x_CarbonGrams-NotNegative", "x_CarbonGrams", _carbon),
)  # fmt: skip
