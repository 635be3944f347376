"""Makes a FOCUS 1.4 row of a charge."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from billing.exports.focus.charge import Charge
from billing.exports.focus.columns import Value
from billing.pricing.money import QUANTITY_PLACES
from billing.pricing.types import CORRECTION, UNUSED, Category, Line

PROVIDERS = {
    "aws": "AWS",
    "azure": "Microsoft",
    "gcp": "Google Cloud",
    "openstack": "OpenStack",
    "alicloud": "Alibaba Cloud",
}
# Meter: service, category, subcategory. The service says which part of a runtime it is, so each has one category.
SERVICES: dict[str, tuple[str, str, str]] = {
    **dict.fromkeys(
        ("vcpu", "memory", "gpu", "node", "control_plane"), ("Nesoi Runtime Compute", "Compute", "Containers")
    ),
    **dict.fromkeys(("block_storage", "snapshots"), ("Nesoi Runtime Storage", "Storage", "Block Storage")),
    "object_storage": ("Nesoi Runtime Object Storage", "Storage", "Object Storage"),
    "nfs": ("Nesoi Runtime File Storage", "Storage", "File System Storage"),
    "load_balancer": ("Nesoi Runtime Network", "Networking", "Application Networking"),
    "public_address": ("Nesoi Runtime Network", "Networking", "Network Infrastructure"),
    "egress": ("Nesoi Runtime Network", "Networking", "Content Delivery"),
    "module": ("Nesoi Modules", "Developer Tools", "Development Environments"),
}
OTHER = ("Nesoi", "Other", "Other (Other)")
_SPOILT = re.compile(r"[\x00-\x1f\x7f]+")
RATIO_PLACES = Decimal("0.000001")
PRICED = (Category.USAGE, Category.PURCHASE)


def row_of(charge: Charge, *, issuer: str) -> dict[str, Value]:
    """Return the row of a charge; every column of 1.4 that is not null."""
    line = charge.line
    service, category, subcategory = SERVICES.get(line.meter, OTHER)
    row: dict[str, Value] = {
        "BilledCost": line.billed_cost,
        "BillingAccountId": charge.tenant.id,
        "BillingAccountName": clean(charge.tenant.name),
        "BillingAccountType": "Tenant",
        "BillingCurrency": line.currency,
        "BillingPeriodStart": charge.month.start,
        "BillingPeriodEnd": charge.month.end,
        "ChargeCategory": str(line.category),
        "ChargeClass": line.class_ or None,
        "ChargeDescription": clean(line.description),
        "ChargeFrequency": _frequency(line),
        "ChargePeriodStart": line.start,
        "ChargePeriodEnd": line.end,
        "ContractedCost": line.contracted_cost,
        "EffectiveCost": line.effective_cost,
        "HostProviderName": PROVIDERS.get(charge.provider, charge.provider) or None,
        "InvoiceId": charge.statement or None,
        "InvoiceDetailId": line.line_id if charge.statement else None,
        "InvoiceIssuerName": issuer,
        "ListCost": line.list_cost,
        "ServiceProviderName": issuer,
        "ServiceName": service,
        "ServiceCategory": category,
        "ServiceSubcategory": subcategory,
        "x_CarbonGrams": charge.carbon_grams,
        "x_ChargeId": line.line_id,
        "x_CoverageRatio": _coverage(line),
        "x_PriceBookVersion": f"{line.book}/{line.book_version}" if line.book else None,
    }
    return {**row, **_whose(charge), **_priced(line), **_committed(charge)}


def _whose(charge: Charge) -> dict[str, Value]:
    line, found = charge.line, dict[str, Value]()
    if line.account:
        found |= {
            "SubAccountId": line.account,
            "SubAccountName": clean(charge.account.name),
            "SubAccountType": "Account",
        }
    if line.runtime:
        found |= {
            "ResourceId": line.runtime,
            "ResourceName": clean(charge.runtime.name),
            "ResourceType": "Kubernetes Runtime",
        }
    if line.region:
        found |= {"RegionId": line.region, "RegionName": clean(charge.region_name) or line.region}
    tags = {**charge.labels, **({"nesoi.dev/plan": line.plan} if line.plan else {})}
    if tags:
        found["Tags"] = _json(tags)
    return found


def _priced(line: Line) -> dict[str, Value]:
    if line.category not in PRICED:
        return {}
    found: dict[str, Value] = {
        "PricingQuantity": line.quantity,
        "PricingUnit": line.unit or line.consumed_unit,
        "ListUnitPrice": _shown(line.list_unit_price),
        "ContractedUnitPrice": _shown(line.contracted_unit_price),
        "PricingCategory": "Committed" if line.commitment_status else "Standard",
        "SkuId": line.price_line or f"commitment-{line.commitment}",
        "SkuPriceId": f"{line.book}/{line.book_version}/{line.price_line}/{line.part or 'all'}"
        if line.price_line
        else f"commitment-{line.commitment}/{line.part}",
        "SkuMeter": line.meter or None,
    }
    details = {"x_Plan": line.plan, "x_Dimension": line.dimension, "x_Part": line.part}
    if given := {name: value for name, value in details.items() if value}:
        found["SkuPriceDetails"] = _json(given)
    if line.category is Category.USAGE and line.commitment_status != UNUSED and line.consumed_unit:
        found |= {"ConsumedQuantity": line.consumed_quantity, "ConsumedUnit": line.consumed_unit}
    return found


def _committed(charge: Charge) -> dict[str, Value]:
    line = charge.line
    if not line.commitment or line.category not in PRICED:
        return {}
    purchase = line.category is Category.PURCHASE
    quantity = charge.committed if purchase else (line.consumed_quantity or line.quantity)
    unit = charge.commitment_unit or line.consumed_unit or line.unit
    found: dict[str, Value] = {
        "CommitmentDiscountId": line.commitment,
        "CommitmentDiscountName": clean(charge.commitment),
        "CommitmentDiscountCategory": "Usage",
        "CommitmentDiscountType": "Committed Units",
        "CommitmentDiscountStatus": line.commitment_status or None,
    }
    if quantity is not None or line.class_ != CORRECTION:
        found |= {"CommitmentDiscountQuantity": quantity, "CommitmentDiscountUnit": unit}
    return found


def _frequency(line: Line) -> str:
    if line.category is Category.PURCHASE:
        return "Recurring"
    return "Usage-Based" if line.runtime or line.category is Category.USAGE else "One-Time"


def _coverage(line: Line) -> Decimal | None:
    if line.alive_seconds <= 0 or line.class_ == CORRECTION:  # of a correction the seconds are a difference
        return None
    return (Decimal(line.observed_seconds) / Decimal(line.alive_seconds)).quantize(RATIO_PLACES)


def clean(text: str) -> str | None:
    """What people wrote, without what no field may hold: nobody's name for a thing holds up a file."""
    return _SPOILT.sub(" ", text).strip() or None


def _shown(price: Decimal) -> Decimal:
    """A price with the places that columns have; converted and discounted it may have twice as many."""
    return round(price, QUANTITY_PLACES)


def _json(value: dict[str, str]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
