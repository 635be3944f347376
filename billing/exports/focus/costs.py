"""Rules about costs, prices, quantities and periods."""

from __future__ import annotations

from decimal import Decimal

from billing.exports.focus.columns import Row
from billing.exports.focus.ruling import Judge, Rule, corrects, is_a, moment, number
from billing.pricing.money import PLACES

# A cost is rounded to the minor unit, then shared by largest remainder: never further than this many minor units away.
SLACK = Decimal("1.5")
FINER = Decimal("0.000001")  # of a unit: shared packages are shared to the millionth


def _product(cost: str, price: str) -> Judge:
    def judge(row: Row) -> str | None:
        amount, unit, quantity = number(row, cost), number(row, price), number(row, "PricingQuantity")
        if (
            amount is None
            or unit is None
            or quantity is None
            or corrects(row)
            or not is_a(row, "Usage", "Purchase")
        ):
            return None
        minor = Decimal(1).scaleb(-PLACES.get(str(row.get("BillingCurrency")), 2))
        if abs(unit * quantity - amount) <= SLACK * minor + unit * FINER:
            return None
        return f"{price} {unit} x PricingQuantity {quantity} is not {cost} {amount}."

    return judge


def _not_negative(column: str) -> Judge:
    def judge(row: Row) -> str | None:
        value = number(row, column)
        return f"{value} is negative." if value is not None and value < 0 else None

    return judge


def _not_negative_unless_corrected(column: str) -> Judge:
    judge_sign = _not_negative(column)
    return lambda row: judge_sign(row) if is_a(row, "Usage", "Purchase") and not corrects(row) else None


def _minor(column: str) -> Judge:
    def judge(row: Row) -> str | None:
        value, places = number(row, column), PLACES.get(str(row.get("BillingCurrency")))
        if value is None or places is None or value == value.quantize(Decimal(1).scaleb(-places)):
            return None
        return f"{value} is finer than the minor unit of {row.get('BillingCurrency')}."

    return judge


def _credit_sign(row: Row) -> str | None:
    value = number(row, "BilledCost")
    if is_a(row, "Credit") and not corrects(row) and value is not None and value > 0:
        return f"A credit of {value} would be a charge."
    return None


def _contracted_at_most_list(row: Row) -> str | None:
    listed, contracted = number(row, "ListUnitPrice"), number(row, "ContractedUnitPrice")
    if listed is None or contracted is None or contracted <= listed:
        return None
    return f"The contracted price {contracted} is above the list price {listed}."


def _purchase_effective(row: Row) -> str | None:
    effective = number(row, "EffectiveCost")
    if is_a(row, "Purchase") and row.get("CommitmentDiscountId") and effective:
        return f"A commitment's fee is effective in what it covers, not where it is bought: {effective} must be 0."
    return None


def _covered_billed(row: Row) -> str | None:
    billed = number(row, "BilledCost")
    if row.get("CommitmentDiscountStatus") is not None and billed:
        return f"What a commitment covers is billed by its purchase: {billed} must be 0."
    return None


def _ends_later(start: str, end: str) -> Judge:
    def judge(row: Row) -> str | None:
        first, last = moment(row, start), moment(row, end)
        return None if first is None or last is None or last > first else f"{end} is not after {start}."

    return judge


def _whole_month(row: Row) -> str | None:
    start, end = moment(row, "BillingPeriodStart"), moment(row, "BillingPeriodEnd")
    if start is None or end is None:
        return None
    months = (end.year - start.year) * 12 + end.month - start.month
    clean = all(at.day == 1 and (at.hour, at.minute, at.second) == (0, 0, 0) for at in (start, end))
    return None if clean and months == 1 else "A billing period is one month of UTC."


def _inside(row: Row) -> str | None:
    pairs = [
        (moment(row, "ChargePeriodStart"), moment(row, "BillingPeriodStart")),
        (moment(row, "BillingPeriodEnd"), moment(row, "ChargePeriodEnd")),
    ]
    if corrects(row) or any(later is None or earlier is None for later, earlier in pairs):
        return None
    held = all(later >= earlier for later, earlier in pairs if later and earlier)
    return None if held else "The charge is not within its billing period, and no correction."


def _corrects_the_past(row: Row) -> str | None:
    end, start = moment(row, "ChargePeriodEnd"), moment(row, "BillingPeriodStart")
    if not corrects(row) or end is None or start is None or end <= start:
        return None
    return "A correction is about a month before the one that holds it."


COST_RULES: tuple[Rule, ...] = (
    Rule("ListCost-PriceTimesQuantity", "ListCost", _product("ListCost", "ListUnitPrice")),
    Rule("ContractedCost-PriceTimesQuantity", "ContractedCost", _product("ContractedCost", "ContractedUnitPrice")),
    *(Rule(f"{name}-NotNegative", name, _not_negative(name)) for name in ("ListUnitPrice", "ContractedUnitPrice")),
    *(
        Rule(f"{name}-NotNegativeUnlessCorrection", name, _not_negative_unless_corrected(name))
        for name in ("ListCost", "ContractedCost", "BilledCost", "EffectiveCost", "PricingQuantity", "ConsumedQuantity")
    ),
    *(Rule(f"{name}-MinorUnit", name, _minor(name)) for name in ("ListCost", "ContractedCost", "BilledCost", "EffectiveCost")),
    Rule("BilledCost-CreditGivesBack", "BilledCost", _credit_sign),
    Rule("ContractedUnitPrice-AtMostList", "ContractedUnitPrice", _contracted_at_most_list),
    Rule("EffectiveCost-CommitmentPurchaseIsZero", "EffectiveCost", _purchase_effective),
    Rule("BilledCost-CoveredIsZero", "BilledCost", _covered_billed),
    Rule("BillingPeriodEnd-AfterStart", "BillingPeriodEnd", _ends_later("BillingPeriodStart", "BillingPeriodEnd")),
    Rule("ChargePeriodEnd-AfterStart", "ChargePeriodEnd", _ends_later("ChargePeriodStart", "ChargePeriodEnd")),
    Rule("BillingPeriodStart-WholeMonth", "BillingPeriodStart", _whole_month),
    Rule("ChargePeriodStart-WithinBillingPeriod", "ChargePeriodStart", _inside),
    Rule("ChargeClass-CorrectsClosedPeriod", "ChargeClass", _corrects_the_past),
)  # fmt: skip
