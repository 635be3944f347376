"""Each rule finds what it is for, by name, row and column; rows that rating makes break none."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.exports.focus.checking import check
from billing.exports.focus.columns import Row, Value, Version, columns_of, project
from billing.exports.focus.csv_file import read_csv, write_csv
from billing.exports.focus.parquet_file import read_parquet, write_parquet
from billing.exports.focus.rules import rules_of
from tests.focus import focus_rows
from tests.priced import JUNE, cores, used

HEADER = [column.name for column in columns_of(Version.V1_4)]
DAY = timedelta(days=1)


def whole(row: Row, version: Version = Version.V1_4) -> dict[str, Value]:
    return project(row, version)


def kind(name: str) -> dict[str, Value]:
    """The first row of a kind."""
    wanted: dict[str, Any] = {
        "usage": lambda row: row["ChargeCategory"] == "Usage" and not row.get("CommitmentDiscountId"),
        "used": lambda row: row.get("CommitmentDiscountStatus") == "Used",
        "credit": lambda row: row["ChargeCategory"] == "Credit",
        "purchase": lambda row: row["ChargeCategory"] == "Purchase",
    }
    return whole(next(row for row in focus_rows() if wanted[name](row)))


def broken(row: Row) -> set[str]:
    return {rule.name for rule in rules_of(Version.V1_4) if rule.judge(row) is not None}


def test_there_are_more_than_sixty_rules_each_with_its_own_name() -> None:
    rules = rules_of(Version.V1_4)
    assert len(rules) > 60
    assert len({rule.name for rule in rules}) == len(rules)
    assert {rule.column for rule in rules} <= set(HEADER)


@pytest.mark.parametrize("version", Version)
def test_what_rating_makes_breaks_no_rule(version: Version) -> None:
    names = [column.name for column in columns_of(version)]
    verdict = check(names, [whole(row, version) for row in focus_rows()], version)
    assert not verdict.violations
    assert verdict.rows > 5


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["vcpu", "memory"]), st.integers(1, 10**12), st.sampled_from(["r1", "r2", "r3"])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_usage_whatever_makes_a_row_that_breaks_a_rule(uses: list[tuple[str, int, str]]) -> None:
    items = [used(meter, quantity, runtime=runtime) for meter, quantity, runtime in uses]
    rows = [whole(row) for row in focus_rows(items=items)]
    assert not check(HEADER, rows, Version.V1_4).violations


SPOILT: list[tuple[str, str, dict[str, Any]]] = [
    ("BilledCost-NotNull", "usage", {"BilledCost": None}),
    ("BilledCost-Type", "usage", {"BilledCost": "four"}),
    ("BilledCost-Type", "usage", {"BilledCost": Decimal("NaN")}),
    ("BilledCost-NotNegativeUnlessCorrection", "usage", {"BilledCost": Decimal(-1)}),
    ("BilledCost-MinorUnit", "usage", {"BilledCost": Decimal("1.005")}),
    ("BilledCost-CreditGivesBack", "credit", {"BilledCost": Decimal(1)}),
    ("BilledCost-CoveredIsZero", "used", {"BilledCost": Decimal(1)}),
    ("EffectiveCost-CommitmentPurchaseIsZero", "purchase", {"EffectiveCost": Decimal(18)}),
    ("ContractedCost-PriceTimesQuantity", "usage", {"ContractedCost": Decimal("9.99")}),
    ("ListCost-PriceTimesQuantity", "usage", {"ListCost": Decimal("9.99")}),
    ("ListUnitPrice-NotNegative", "usage", {"ListUnitPrice": Decimal("-0.05")}),
    ("ContractedUnitPrice-AtMostList", "usage", {"ContractedUnitPrice": Decimal(9)}),
    ("ChargeCategory-AllowedValues", "usage", {"ChargeCategory": "Useage"}),
    ("ChargeClass-AllowedValues", "usage", {"ChargeClass": "Correcture"}),
    ("ChargeClass-CorrectsClosedPeriod", "usage", {"ChargeClass": "Correction"}),
    ("BillingCurrency-ISO4217", "usage", {"BillingCurrency": "Euro"}),
    ("BillingPeriodStart-Type", "usage", {"BillingPeriodStart": "2026-06-01"}),
    ("BillingPeriodStart-WholeMonth", "usage", {"BillingPeriodStart": JUNE.start + DAY}),
    ("BillingPeriodEnd-AfterStart", "usage", {"BillingPeriodEnd": JUNE.start}),
    ("ChargePeriodEnd-AfterStart", "usage", {"ChargePeriodEnd": JUNE.start}),
    ("ChargePeriodStart-WithinBillingPeriod", "usage", {"ChargePeriodStart": JUNE.start - DAY}),
    ("ServiceName-NotNull", "usage", {"ServiceName": None}),
    ("ServiceName-Type", "usage", {"ServiceName": "Not Applicable"}),
    ("ServiceName-Type", "usage", {"ServiceName": " x"}),
    ("ServiceCategory-AllowedValues", "usage", {"ServiceCategory": "Containers"}),
    ("PricingQuantity-NeededForUsageAndPurchase", "usage", {"PricingQuantity": None}),
    ("PricingUnit-WithQuantity", "usage", {"PricingUnit": None}),
    ("PricingUnit-Written", "usage", {"PricingUnit": "gib hours"}),
    ("ConsumedUnit-WithQuantity", "usage", {"ConsumedUnit": None}),
    ("ConsumedQuantity-NeededForUsage", "usage", {"ConsumedQuantity": None, "ConsumedUnit": None}),
    ("ConsumedQuantity-OnlyForUsage", "purchase", {"ConsumedQuantity": Decimal(1), "ConsumedUnit": "Months"}),
    ("ConsumedQuantity-NullWhenUnused", "used", {"CommitmentDiscountStatus": "Unused"}),
    ("CommitmentDiscountStatus-OnlyForUsage", "purchase", {"CommitmentDiscountStatus": "Used"}),
    ("CommitmentDiscountName-WithId", "usage", {"CommitmentDiscountName": "x"}),
    ("CommitmentDiscountQuantity-Needed", "used", {"CommitmentDiscountQuantity": None}),
    ("PricingCategory-Committed", "used", {"PricingCategory": "Standard"}),
    ("SkuPriceId-NeededForUsageAndPurchase", "usage", {"SkuPriceId": None}),
    ("SkuId-NullForTax", "usage", {"ChargeCategory": "Tax"}),
    ("ChargeFrequency-FitsCategory", "purchase", {"ChargeFrequency": "Usage-Based"}),
    ("RegionName-WithId", "usage", {"RegionId": None}),
    ("ResourceType-WithId", "usage", {"ResourceType": None}),
    ("ResourceName-WithId", "usage", {"ResourceId": None, "ResourceType": None}),
    ("SubAccountType-WithId", "usage", {"SubAccountType": None}),
    ("InvoiceDetailId-WithInvoiceId", "usage", {"InvoiceId": None}),
    ("Tags-Type", "usage", {"Tags": "team=shop"}),
    ("Tags-Type", "usage", {"Tags": '{"team": {"a": 1}}'}),
    ("x_CoverageRatio-Share", "usage", {"x_CoverageRatio": Decimal("1.1")}),
    ("x_CarbonGrams-NotNegative", "usage", {"x_CarbonGrams": Decimal(-1)}),
    ("x_ChargeId-NotNull", "usage", {"x_ChargeId": None}),
]


@pytest.mark.parametrize(
    ("rule", "of", "change"), SPOILT, ids=[f"{name}-{n}" for n, (name, _, _) in enumerate(SPOILT)]
)
def test_a_rule_finds_what_it_is_for(rule: str, of: str, change: dict[str, Any]) -> None:
    row = kind(of)
    assert not broken(row)
    assert rule in broken({**row, **change})


def test_one_wrong_row_among_many_is_found_with_its_number() -> None:
    rows = [whole(row) for row in focus_rows()]
    rows[3] = {**rows[3], "ChargeCategory": "Useage"}
    verdict = check(HEADER, rows, Version.V1_4)
    found = {(one.rule, one.row, one.column) for one in verdict.violations}
    assert ("ChargeCategory-AllowedValues", 4, "ChargeCategory") in found
    assert {one.row for one in verdict.violations} == {4}


def test_a_missing_an_unknown_and_a_misplaced_column_are_found() -> None:
    header = [*(name for name in HEADER if name != "ServiceName"), "ProviderName"]
    rules = {one.rule for one in check(header, [], Version.V1_4).violations}
    assert rules == {"File-ColumnPresent", "File-ColumnKnown", "File-CustomColumnsLast"}


def test_a_charge_that_stands_twice_is_found() -> None:
    row = kind("usage")
    (found,) = check(HEADER, [row, row], Version.V1_4).violations
    assert (found.rule, found.row) == ("x_ChargeId-Once", 2)


@pytest.mark.parametrize("version", Version)
def test_files_are_read_back_as_they_were_written(tmp_path: Path, version: Version) -> None:
    rows = [whole(row, version) for row in focus_rows(items=[cores(1 / 3), cores(96, runtime="r2")])]
    text, columns = tmp_path / "f.csv", tmp_path / "f.parquet"
    assert write_csv(text, rows, version) == write_parquet(columns, rows, version) == len(rows)
    header, back = read_csv(text, version)
    assert list(back) == rows
    assert header == [column.name for column in columns_of(version)]
    header, back = read_parquet(columns)
    assert list(back) == rows
    assert header == [column.name for column in columns_of(version)]


def test_a_csv_that_somebody_touched_breaks_rules(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    write_csv(file, [kind("usage")], Version.V1_4)
    file.write_text(file.read_text().replace("2026-06-01T00:00:00Z", "01.06.2026").replace("4.0,", "4e0,"))
    header, rows = read_csv(file, Version.V1_4)
    rules = {one.rule for one in check(header, rows, Version.V1_4).violations}
    assert {"BillingPeriodStart-Type", "ChargePeriodStart-Type"} <= rules
