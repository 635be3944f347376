"""Charges become rows as the specification's own examples have them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from billing.exports.focus.columns import COLUMNS, Version, columns_of, project
from billing.exports.focus.csv_file import written
from billing.exports.focus.mapping import row_of
from billing.pricing.corrections import corrections
from billing.pricing.rating import rate
from tests.focus import charge, charges, focus_rows
from tests.priced import JUNE, book, cores, exact, line, terms

MANDATORY = {
    "BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass",
    "ChargeDescription", "HostProviderName", "InvoiceIssuerName", "ServiceProviderName", "ServiceName", "ServiceCategory",
    "PricingQuantity", "PricingUnit",
}  # fmt: skip


def test_the_mandatory_columns_are_there_and_custom_ones_come_last() -> None:
    columns = columns_of(Version.V1_4)
    assert {column.name for column in columns if column.mandatory} == MANDATORY
    custom = [column.name.startswith("x_") for column in columns]
    assert custom == sorted(custom)
    assert columns[custom.index(True)].name == "x_CarbonGrams"


def test_usage_is_written_as_the_example() -> None:
    held = terms(book(line("vcpu", "0.05")), discount="20")
    (one,) = rate([cores(96)], held).lines
    row = row_of(charge(one), issuer="Nesoi")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == (Decimal(96), "Core-Hours")
    costs = [row[name] for name in ("ListCost", "ContractedCost", "BilledCost", "EffectiveCost")]
    assert costs == [Decimal("4.80"), Decimal("3.84"), Decimal("3.84"), Decimal("3.84")]
    assert (row["ListUnitPrice"], row["ContractedUnitPrice"]) == (Decimal("0.05"), Decimal("0.04"))
    assert (row["HostProviderName"], row["ServiceProviderName"]) == ("AWS", "Nesoi")
    assert written(row["ConsumedQuantity"]) == "96.0"
    assert written(row["BillingPeriodStart"]) == "2026-06-01T00:00:00Z"
    assert written(row.get("ChargeClass")) == ""


def test_a_credit_has_costs_and_no_quantities() -> None:
    credits_ = [row for row in focus_rows() if row["ChargeCategory"] == "Credit"]
    assert credits_
    for row in credits_:
        assert row["BilledCost"] == row["ListCost"] == row["EffectiveCost"]
        assert not {"PricingQuantity", "ConsumedQuantity", "ListUnitPrice", "SkuId"} & set(row)


def test_a_commitment_is_bought_used_and_left_over() -> None:
    rows = [row for row in focus_rows() if row.get("CommitmentDiscountId")]
    bought = [row for row in rows if row["ChargeCategory"] == "Purchase"]
    used = [row for row in rows if row.get("CommitmentDiscountStatus") == "Used"]
    fee = [(row["BilledCost"], row["EffectiveCost"], row["PricingUnit"]) for row in bought]
    assert fee == [exact(Decimal(18), Decimal(0), "Months")]
    assert bought[0]["CommitmentDiscountQuantity"] == Decimal(48)
    assert all(row["BilledCost"] == 0 and row["PricingCategory"] == "Committed" for row in used)
    assert sum(Decimal(str(row["EffectiveCost"])) for row in used) == Decimal(18)
    idle = [row for row in focus_rows(items=[cores(1)]) if row.get("CommitmentDiscountStatus") == "Unused"]
    assert [(row["PricingQuantity"], "ConsumedQuantity" in row) for row in idle] == [(Decimal(47), False)]


def test_a_correction_keeps_the_period_that_it_mends() -> None:
    held = terms(book(line("vcpu", "0.05")))
    booked = rate([cores(96)], held).lines
    (mended,) = corrections(booked, rate([cores(72)], held).lines, booked_in="july")
    row = row_of(charge(mended), issuer="Nesoi")
    assert (row["ChargeClass"], row["ConsumedQuantity"], row["ListCost"]) == exact(
        "Correction", Decimal(-24), Decimal("-1.20")
    )
    assert row["ChargePeriodStart"] == JUNE.start
    assert row.get("x_CoverageRatio") is None


def test_version_1_2_names_one_provider_and_knows_no_newer_column() -> None:
    (row, *_) = focus_rows()
    older = project(row, Version.V1_2)
    assert (older["ProviderName"], older["PublisherName"]) == ("Nesoi", "Nesoi")
    assert not {"HostProviderName", "ServiceProviderName", "InvoiceDetailId"} & set(older)
    assert not {"ProviderName", "PublisherName"} & set(project(row, Version.V1_4))


def test_the_draft_of_a_month_has_no_invoice() -> None:
    line_ = charges()[0].line
    row = row_of(charge(line_, statement=""), issuer="Nesoi")
    assert row["InvoiceId"] is None
    assert row["InvoiceDetailId"] is None


def test_every_column_is_filled_by_some_charge() -> None:
    rows = [project(row, Version.V1_4) for row in focus_rows()]
    filled = {name for row in rows for name, value in row.items() if value is not None}
    # Corrections and carbon have tests of their own.
    assert {column.name for column in COLUMNS if Version.V1_4 in column.versions} - filled == {
        "ChargeClass",
        "x_CarbonGrams",
    }


def test_what_people_wrote_never_spoils_a_field() -> None:
    line_ = charges()[0].line
    row = row_of(charge(line_._replace(description=" two\nlines\x00 ")), issuer="Nesoi")
    assert row["ChargeDescription"] == "two lines"
    assert datetime(2026, 6, 1, tzinfo=UTC) == row["BillingPeriodStart"]
