"""The columns that are written, in their order: type, whether they may be null, and what they mean.

Source: FOCUS 1.4 (4 June 2026), CostAndUsage; the 21 mandatory ones all, of the conditional ones those that say something here.
Custom columns begin with `x_` and come last, as the specification wants them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

Value = Decimal | datetime | str | None
Row = Mapping[str, Value]


class Kind(StrEnum):
    """What a column holds; JSON is text that holds an object."""

    DECIMAL = "Decimal"
    MOMENT = "Date/Time"
    TEXT = "String"
    JSON = "JSON"


class Version(StrEnum):
    """The versions of FOCUS that are written."""

    V1_4 = "1.4"
    V1_2 = "1.2"


class Dataset(StrEnum):
    """What 1.4 has beside CostAndUsage."""

    BILLING_PERIOD = "BillingPeriod"
    INVOICE_DETAIL = "InvoiceDetail"


class Need(StrEnum):
    """Whether the specification wants the column in every file, and whether a row may leave it empty."""

    MUST = "mandatory"
    MUST_OR_NULL = "mandatory, may be null"
    ALSO = "conditional"
    ALSO_OR_NULL = "conditional, may be null"


EVERY = frozenset(Version)
NEW = frozenset({Version.V1_4})
OLD = frozenset({Version.V1_2})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file."""

    name: str
    kind: Kind
    need: Need
    told: str
    allowed: tuple[str, ...] = ()
    versions: frozenset[Version] = EVERY
    places: int = 15  # of a Decimal

    @property
    def nullable(self) -> bool:
        """Whether a row may leave it empty."""
        return self.need in (Need.MUST_OR_NULL, Need.ALSO_OR_NULL)

    @property
    def mandatory(self) -> bool:
        """Whether every file of FOCUS has it."""
        return self.need in (Need.MUST, Need.MUST_OR_NULL)


CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
SERVICE_CATEGORIES = (
    "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Multicloud",
    "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile", "Networking",
    "Security", "Storage", "Web", "Other",
)  # fmt: skip
PRICING_CATEGORIES = ("Standard", "Dynamic", "Committed", "Other")
FREQUENCIES = ("One-Time", "Recurring", "Usage-Based")
MUST, MUST_OR_NULL, ALSO, ALSO_OR_NULL = Need.MUST, Need.MUST_OR_NULL, Need.ALSO, Need.ALSO_OR_NULL
T, D, M, J = Kind.TEXT, Kind.DECIMAL, Kind.MOMENT, Kind.JSON
MONEY = 6

COLUMNS: tuple[Column, ...] = (
    Column("BilledCost", D, MUST, "What the statement demands.", places=MONEY),
    Column("BillingAccountId", T, MUST, "The tenant's id."),
    Column("BillingAccountName", T, MUST_OR_NULL, "The tenant's name."),
    Column("BillingAccountType", T, ALSO, "What a billing account is: a tenant.", ("Tenant",)),
    Column("BillingCurrency", T, MUST, "ISO 4217 code of every cost and price in the row."),
    Column("BillingPeriodEnd", M, MUST, "End of the month whose statement holds the charge, exclusive."),
    Column("BillingPeriodStart", M, MUST, "Begin of the month whose statement holds the charge."),
    Column("ChargeCategory", T, MUST, "What the charge is for.", CATEGORIES),
    Column("ChargeClass", T, MUST_OR_NULL, "Correction where the charge mends a closed month.", ("Correction",)),
    Column("ChargeDescription", T, MUST_OR_NULL, "The charge in words."),
    Column("ChargeFrequency", T, ALSO, "How often such a charge occurs.", FREQUENCIES),
    Column("ChargePeriodEnd", M, MUST, "End of what is charged, exclusive."),
    Column("ChargePeriodStart", M, MUST, "Begin of what is charged."),
    Column("CommitmentDiscountCategory", T, ALSO_OR_NULL, "Commitments are about usage.", ("Usage", "Spend")),
    Column("CommitmentDiscountId", T, ALSO_OR_NULL, "Id of the commitment that covers the usage, or is bought."),
    Column("CommitmentDiscountName", T, ALSO_OR_NULL, "Its title."),
    Column("CommitmentDiscountQuantity", D, ALSO_OR_NULL, "How much of it is bought, used or unused."),
    Column("CommitmentDiscountStatus", T, ALSO_OR_NULL, "Whether it was used.", ("Used", "Unused")),
    Column("CommitmentDiscountType", T, ALSO_OR_NULL, "What such commitments are called.", ("Committed Units",)),
    Column("CommitmentDiscountUnit", T, ALSO_OR_NULL, "Unit of that quantity."),
    Column("ConsumedQuantity", D, ALSO_OR_NULL, "What was measured, in the meter's unit."),
    Column("ConsumedUnit", T, ALSO_OR_NULL, "The meter's unit."),
    Column("ContractedCost", D, MUST, "Contracted unit price x quantity, rounded once.", places=MONEY),
    Column("ContractedUnitPrice", D, ALSO_OR_NULL, "Price of a unit after the contract's discount."),
    Column("EffectiveCost", D, MUST, "Cost with a commitment's fee spread over its usage.", places=MONEY),
    Column("HostProviderName", T, MUST_OR_NULL, "Whose machines the runtime is on.", versions=NEW),
    Column("InvoiceDetailId", T, ALSO_OR_NULL, "The line of the sealed statement.", versions=NEW),
    Column("InvoiceId", T, ALSO_OR_NULL, "The sealed statement; null while the month is open."),
    Column("InvoiceIssuerName", T, MUST, "Who demands the money."),
    Column("ListCost", D, MUST, "List unit price x quantity, rounded once.", places=MONEY),
    Column("ListUnitPrice", D, ALSO_OR_NULL, "Price of a unit before any discount."),
    Column("PricingCategory", T, ALSO_OR_NULL, "How the price came about.", PRICING_CATEGORIES),
    Column("PricingQuantity", D, MUST_OR_NULL, "What was priced, in priced units."),
    Column("PricingUnit", T, MUST_OR_NULL, "The priced unit."),
    Column("ProviderName", T, MUST, "Who provides the service.", versions=OLD),
    Column("PublisherName", T, MUST, "Who makes the service.", versions=OLD),
    Column("RegionId", T, ALSO_OR_NULL, "The provider's region."),
    Column("RegionName", T, ALSO_OR_NULL, "The region in words."),
    Column("ResourceId", T, ALSO_OR_NULL, "The runtime's id."),
    Column("ResourceName", T, ALSO_OR_NULL, "The runtime's name."),
    Column("ResourceType", T, ALSO_OR_NULL, "What the resource is.", ("Kubernetes Runtime",)),
    Column("ServiceCategory", T, MUST, "What the service is for.", SERVICE_CATEGORIES),
    Column("ServiceName", T, MUST, "The part of Nesoi that is charged."),
    Column("ServiceProviderName", T, MUST, "Who provides the service.", versions=NEW),
    Column("ServiceSubcategory", T, ALSO_OR_NULL, "What it is for, more closely."),
    Column("SkuId", T, ALSO_OR_NULL, "The line of the price book, whatever its version."),
    Column("SkuMeter", T, ALSO_OR_NULL, "The meter."),
    Column("SkuPriceDetails", J, ALSO_OR_NULL, "Plan, dimension and part of the price."),
    Column("SkuPriceId", T, ALSO_OR_NULL, "The line of one version of the price book."),
    Column("SubAccountId", T, ALSO_OR_NULL, "The account's id."),
    Column("SubAccountName", T, ALSO_OR_NULL, "The account's name."),
    Column("SubAccountType", T, ALSO_OR_NULL, "What a sub account is.", ("Account",)),
    Column("Tags", J, ALSO_OR_NULL, "The runtime's labels, and what Nesoi says of it under nesoi.dev/."),
    Column("x_CarbonGrams", D, ALSO_OR_NULL, "Location-based estimate, g CO2e: nodes' on processors' rows, storage's apart."),
    Column("x_ChargeId", T, ALSO, "Id of the charge: unique over all files, the same in each export of it."),
    Column("x_CoverageRatio", D, ALSO_OR_NULL, "Seconds seen / seconds alive of the runtime in the charge's period."),
    Column("x_PriceBookVersion", T, ALSO_OR_NULL, "Key and version of the price book."),
)  # fmt: skip


ISSUER = Column("InvoiceIssuerName", T, MUST, "Who demands the money.")
BEGINS = Column("BillingPeriodStart", M, MUST, "Begin of the month.")
ENDS = Column("BillingPeriodEnd", M, MUST, "End of the month, exclusive.")
BESIDE: Mapping[Dataset, tuple[Column, ...]] = {
    Dataset.BILLING_PERIOD: (
        Column("BillingPeriodCreated", M, MUST, "When the month was opened."),
        ENDS,
        Column("BillingPeriodLastUpdated", M, MUST, "When a statement of it was drafted or sealed last."),
        BEGINS,
        Column("BillingPeriodStatus", T, MUST, "Closed once every statement of it is sealed.", ("Open", "Closed")),
        ISSUER,
    ),
    Dataset.INVOICE_DETAIL: (
        Column("BilledCost", D, MUST, "What the line demands.", places=MONEY),
        Column("BillingAccountId", T, MUST, "The tenant's id."),
        Column("BillingCurrency", T, MUST, "ISO 4217 code of the cost."),
        ENDS,
        BEGINS,
        Column("ChargeCategory", T, MUST, "What the line is for.", CATEGORIES),
        Column("InvoiceDetailCreated", M, MUST, "When the statement was sealed."),
        Column("InvoiceDetailDescription", T, MUST_OR_NULL, "The line in words."),
        Column("InvoiceDetailGrain", J, MUST_OR_NULL, "What tells the line from others of its statement."),
        Column("InvoiceDetailId", T, MUST, "The line of the sealed statement; CostAndUsage has the same."),
        Column("InvoiceDetailLastUpdated", M, MUST, "When the statement was sealed: it never changes."),
        Column("InvoiceId", T, MUST, "The sealed statement."),
        Column("InvoiceIssueDate", M, MUST_OR_NULL, "When the statement was sealed."),
        Column("InvoiceIssueStatus", T, MUST, "A sealed statement is issued.", ("Open", "Issued", "Voided")),
        ISSUER,
        Column("PaymentDueDate", M, MUST_OR_NULL, "Null: whoever collects the money says when."),
        Column("PaymentTerms", T, MUST, "The terms of payment, as the operator has set them."),
        Column("ReferenceInvoiceId", T, MUST, "The statement that a correction mends, else the line's own."),
    ),
}  # fmt: skip
Form = Version | Dataset


def version_of(form: Form) -> str:
    """Return which version of FOCUS a file is written in."""
    return str(Version.V1_4 if isinstance(form, Dataset) else form)


def columns_of(form: Form) -> tuple[Column, ...]:
    """Return the columns of CostAndUsage in one version, or of another dataset, in the order that files have them."""
    if isinstance(form, Dataset):
        return BESIDE[form]
    return tuple(column for column in COLUMNS if form in column.versions)


def project(row: Row, version: Version) -> dict[str, Value]:
    """Return what a version shows of a row of 1.4; 1.2 has one provider where 1.4 tells who hosts from who serves."""
    whole = {**row, "ProviderName": row["ServiceProviderName"], "PublisherName": row["ServiceProviderName"]}
    return {column.name: whole.get(column.name) for column in columns_of(version)}
