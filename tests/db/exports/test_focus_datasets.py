"""Beside the charges of 1.4 stand the month's state and the lines of sealed statements, and each charge says what was emitted."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine

from billing.exports.focus.columns import Dataset
from billing.exports.models import FileFormat, FocusExport
from billing.exports.publishing import check_file
from billing.exports.services import ask_export, write_due
from billing.footprint.models import MEASURES, PARTS, FootprintDay
from billing.usage.models import DayLife, Source
from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.jobs import JobState
from controlplane.tenants.models import Account
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, GIB_HOUR, JULY, JUNE, begin, change, drafted, runtime, sealed, use
from tests.world import World

pytestmark = pytest.mark.django_db
FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)
MEASURED: dict[str, Any] = {
    "vcpu": 96 * CORE_HOUR, "memory": 384 * GIB_HOUR, "block_storage__gp3": 7 * 86_400, "block_storage__io2": 3 * 86_400,
}  # fmt: skip


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def used(world: World) -> World:
    begin()
    for account, days in ((world.shop, 3), (world.main, 2)):
        source = runtime()
        use(source, account, JUNE, days=days, **MEASURED)
        emitted(source, account, JUNE, days=days)
    return world


def emitted(source: Source, account: Account, day: date, *, days: int, each: int = 1_000_001) -> None:
    """Footprints as the nightly task leaves them: so many milligrams of nodes a day, and a third of it of storage."""
    zero = {f"{measure}_{part}": 0 for measure in MEASURES for part in PARTS}
    for number in range(days):
        FootprintDay.objects.create(
            day=day + timedelta(days=number), source=source.id, tenant_id=account.tenant_id, account=account.id,
            runtime=source.runtime, plan="aws", region="eu-central-1", alive_seconds=86_400, observed_seconds=86_400,
            cpu_overrun=0, memory_overrun=0, carbon_low=0, carbon_high=10 * each, carbon_storage=each // 3,
            region_known=True, use_known=True, factors=1, **{**zero, "carbon_workload": each - 5, "carbon_idle": 5},
        )  # fmt: skip


def export(to: Path, month: date = JUNE, **more: Any) -> FocusExport:
    row = ask_export(actor=FINOPS, month=month, to=str(to), **more)
    with acting_as(WORKER):
        write_due(only=row.pk)
    row.refresh_from_db()
    assert row.state == JobState.DONE, row.fault
    return row


def read(place: Path | str) -> list[dict[str, str]]:
    with Path(place).open(newline="") as file:
        return list(csv.DictReader(file))


def beside(row: FocusExport, dataset: Dataset, name: str = "") -> list[dict[str, str]]:
    folder = Path(row.place).parent / dataset
    return read(folder / (name or f"nesoi-{row.month:%Y-%m}.csv"))


def invoices(row: FocusExport) -> list[dict[str, str]]:
    return beside(row, Dataset.INVOICE_DETAIL, Path(row.place).name)


def test_a_month_is_open_until_all_of_it_is_sealed(used: World, tmp_path: Path) -> None:
    sealed(used.archipel, JUNE)
    drafted(used.basalt, JUNE)
    [state] = beside(export(tmp_path), Dataset.BILLING_PERIOD)
    assert (state["BillingPeriodStatus"], state["InvoiceIssuerName"]) == ("Open", "Nesoi")
    assert (state["BillingPeriodStart"], state["BillingPeriodEnd"]) == (
        "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z",
    )  # fmt: skip
    sealed(used.basalt, JUNE)
    row = export(tmp_path)
    [state] = beside(row, Dataset.BILLING_PERIOD)
    assert state["BillingPeriodStatus"] == "Closed"
    assert row.closed


def test_every_line_of_a_sealed_statement_is_an_invoice_line_and_no_draft_is(
    used: World, tmp_path: Path
) -> None:
    statement = sealed(used.archipel, JUNE)
    drafted(used.basalt, JUNE)
    row = export(tmp_path)
    lines, charges = invoices(row), [one for one in read(row.place) if one["InvoiceId"]]
    assert {line["InvoiceId"] for line in lines} == {str(statement.pk)}
    assert sum(Decimal(line["BilledCost"]) for line in lines) == statement.total
    ids = [(line["InvoiceId"], line["InvoiceDetailId"]) for line in lines]
    assert sorted(ids) == sorted((one["InvoiceId"], one["InvoiceDetailId"]) for one in charges)
    assert len(set(ids)) == len(ids) == statement.charges_count
    assert {line["InvoiceIssueStatus"] for line in lines} == {"Issued"}
    assert len({line["InvoiceDetailGrain"] for line in lines}) == len(lines), "the grain tells lines apart"
    assert all(json.loads(line["InvoiceDetailGrain"]) for line in lines)


def test_a_correction_names_the_statement_that_it_mends(used: World, tmp_path: Path) -> None:
    lives = DayLife.objects.filter(account=used.shop.id)
    source = Source.objects.get(runtime=lives.values_list("runtime", flat=True)[0])
    first = sealed(used.archipel, JUNE)
    use(source, used.shop, JULY, **MEASURED)
    change(source, JUNE, "vcpu", 90 * CORE_HOUR)
    second = sealed(used.archipel, JULY)
    lines = invoices(export(tmp_path, JULY))
    assert {line["ReferenceInvoiceId"] for line in lines} == {str(first.pk), str(second.pk)}
    mended = [line for line in lines if line["ReferenceInvoiceId"] == str(first.pk)]
    assert all(Decimal(line["BilledCost"]) < 0 for line in mended)


def test_what_a_runtime_emitted_stands_on_its_charges_once_to_the_milligram(
    used: World, tmp_path: Path
) -> None:
    drafted(used.archipel, JUNE)
    drafted(used.basalt, JUNE)
    rows = read(export(tmp_path).place)
    sums: dict[tuple[str, bool], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["x_CarbonGrams"]:
            sums[row["SubAccountName"], row["SkuMeter"] == "vcpu"] += Decimal(row["x_CarbonGrams"])
    nodes, storage = Decimal("1000.001"), Decimal("333.333")
    assert sums == {
        ("shop", True): 3 * nodes, ("shop", False): 3 * storage, ("main", True): 2 * nodes, ("main", False): 2 * storage,
    }  # fmt: skip
    told = {row["SkuMeter"] for row in rows if row["x_CarbonGrams"]}
    assert told == {"vcpu", "block_storage"}
    volumes = {
        row["SkuPriceDetails"]: Decimal(row["x_CarbonGrams"])
        for row in rows
        if (row["SkuMeter"], row["SubAccountName"]) == ("block_storage", "shop")
    }
    assert {
        "gp3" in details: abs(grams - share) < Decimal("0.002")
        for (details, grams), share in zip(
            sorted(volumes.items()), (Decimal("700"), Decimal("300")), strict=True
        )
    } == {True: True, False: True}


def test_1_2_has_no_datasets_beside_its_charges(used: World, tmp_path: Path) -> None:
    drafted(used.archipel, JUNE)
    folder = Path(export(tmp_path, version="1.2").place).parent
    assert {path.name for path in folder.iterdir()} == {"metadata-csv.json", "nesoi-2026-06-part-00000.csv"}


def test_metadata_lies_beside_each_dataset_and_parquet_holds_the_same(used: World, tmp_path: Path) -> None:
    sealed(used.archipel, JUNE)
    row = export(tmp_path, file_format="parquet")
    for dataset in Dataset:
        [file] = (Path(row.place).parent / dataset).glob("*.parquet")
        told = json.loads((file.parent / "metadata-parquet.json").read_text())
        assert told["FocusVersion"] == "1.4"
        assert told["SchemaId"].startswith(f"nesoi-{dataset}-")
        verdict = check_file(file, dataset, FileFormat.PARQUET)
        assert (verdict.holds, verdict.rows > 0) == (True, True)


@pytest.mark.parametrize(
    ("dataset", "column", "value", "rule"),
    [
        (Dataset.BILLING_PERIOD, "BillingPeriodStatus", "Ajar", "BillingPeriodStatus-AllowedValues"),
        (Dataset.BILLING_PERIOD, "BillingPeriodEnd", "2026-06-01T00:00:00Z", "BillingPeriodEnd-AfterStart"),
        (Dataset.BILLING_PERIOD, "BillingPeriodLastUpdated", "2026-05-01T00:00:00Z", "BillingPeriodLastUpdated-NotBeforeCreated"),
        (Dataset.BILLING_PERIOD, "InvoiceIssuerName", "", "InvoiceIssuerName-NotNull"),
        (Dataset.INVOICE_DETAIL, "BillingCurrency", "Euro", "BillingCurrency-ISO4217"),
        (Dataset.INVOICE_DETAIL, "BilledCost", "1.005", "BilledCost-MinorUnit"),
        (Dataset.INVOICE_DETAIL, "ChargeCategory", "Useage", "ChargeCategory-AllowedValues"),
        (Dataset.INVOICE_DETAIL, "InvoiceIssueDate", "", "InvoiceIssueDate-OfIssued"),
        (Dataset.INVOICE_DETAIL, "InvoiceDetailGrain", "[]", "InvoiceDetailGrain-Type"),
        (Dataset.INVOICE_DETAIL, "PaymentTerms", "Not Applicable", "PaymentTerms-Type"),
        (Dataset.INVOICE_DETAIL, "ReferenceInvoiceId", "", "ReferenceInvoiceId-NotNull"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_a_rule_is_found(
    tmp_path: Path, dataset: Dataset, column: str, value: str, rule: str
) -> None:
    moment, month = "2026-07-04T00:00:00Z", {
        "BillingPeriodStart": "2026-06-01T00:00:00Z", "BillingPeriodEnd": "2026-07-01T00:00:00Z", "InvoiceIssuerName": "Nesoi",
    }  # fmt: skip
    fine = {
        Dataset.BILLING_PERIOD: {
            **month, "BillingPeriodCreated": "2026-06-01T00:00:00Z", "BillingPeriodLastUpdated": moment,
            "BillingPeriodStatus": "Open",
        },
        Dataset.INVOICE_DETAIL: {
            **month, "BilledCost": "1.25", "BillingAccountId": "a", "BillingCurrency": "EUR", "ChargeCategory": "Usage",
            "InvoiceDetailCreated": moment, "InvoiceDetailDescription": "", "InvoiceDetailGrain": '{"ResourceId":"r"}',
            "InvoiceDetailId": "l", "InvoiceDetailLastUpdated": moment, "InvoiceId": "i", "InvoiceIssueDate": moment,
            "InvoiceIssueStatus": "Issued", "PaymentDueDate": "", "PaymentTerms": "Net 30", "ReferenceInvoiceId": "i",
        },
    }[dataset]  # fmt: skip
    file = tmp_path / "it.csv"

    def verdict(*rows: dict[str, str]) -> list[str]:
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(fine))
            writer.writeheader()
            writer.writerows(rows)
        return [one.rule for one in check_file(file, dataset, FileFormat.CSV).violations]

    assert verdict(fine) == []
    assert rule in verdict({**fine, column: value})
    assert [name.endswith("-Once") for name in verdict(fine, fine)] == [True]
