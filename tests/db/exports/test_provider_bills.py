"""A provider's bill is booked whole or not at all, once, and each row goes to the runtime that it is for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.exports.bills.importing import import_bill
from billing.exports.models import ProviderBill, ProviderCost
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.isolation.roles import WORKER
from provisioner.runtimes.models import Runtime
from tests.bills import BALANCER, COLUMNS, DISK, as_csv, as_parquet, cur_row, june
from tests.bucket import a_bucket
from tests.database_roles import acting_as
from tests.world import World, order

pytestmark = pytest.mark.django_db
FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with a_bucket() as found:
        yield found


@pytest.fixture
def checkout(world: World) -> Runtime:
    """A runtime that lived in June already."""
    world.landscape.refresh_from_db()  # comes to be when asked for
    runtime: Runtime = order(world).runtime
    Runtime.objects.filter(pk=runtime.pk).update(created_at="2026-05-01T00:00:00Z")
    runtime.refresh_from_db()
    return runtime


def named(runtime: Runtime) -> str:
    return f"shoot--nesoi--{runtime.cluster_name}"


def rows_for(runtime: Runtime) -> list[dict[str, Any]]:
    cluster = named(runtime)
    return [
        cur_row("1.50", tags={"user_nesoi_dev_runtime": str(runtime.pk)}),
        cur_row("0.25", DISK, tags={"user_name": f"{cluster}-worker-z1-abcde"}),
        cur_row(
            "0.125", BALANCER, line_item_resource_id=f"arn:aws:elb:eu-central-1:1:loadbalancer/{cluster}-lb"
        ),
        cur_row("0.0625", DISK, tags={f"user_kubernetes_io_cluster_{cluster.replace('-', '_')}": "1"}, day=2),
        cur_row("9.00", tags={"user_name": "somebody-elses"}, line_item_resource_id="i-other"),
        cur_row("2.00", ("AWSSupport", "Dollar"), line_item_resource_id=""),
    ]


def booked() -> dict[tuple[str, bool], Decimal]:
    found: dict[tuple[str, bool], Decimal] = {}
    for row in ProviderCost.objects.all():
        key = (row.meter_group, row.runtime is not None)
        found[key] = found.get(key, Decimal(0)) + row.amortized
    return found


EXPECTED = {
    ("compute", True): Decimal("1.5"),
    ("storage", True): Decimal("0.3125"),
    ("network", True): Decimal("0.125"),
    ("compute", False): Decimal(9),
    ("other", False): Decimal(2),
}


@pytest.mark.parametrize("name", ["bill.csv", "bill.csv.gz", "bill.snappy.parquet"])
def test_rows_go_to_runtimes_by_tag_and_name_whatever_the_format(
    checkout: Runtime, tmp_path: Path, name: str
) -> None:
    write = as_parquet if name.endswith("parquet") else as_csv
    with acting_as(WORKER):
        row, fresh = import_bill(actor=FINOPS, source=str(write(tmp_path / name, rows_for(checkout))))
    assert fresh
    assert booked() == EXPECTED
    assert row.amortized == sum(EXPECTED.values())
    assert {cost.landscape for cost in ProviderCost.objects.filter(runtime=checkout.pk)} == {
        checkout.landscape.key
    }
    assert set(ProviderCost.objects.filter(runtime=checkout.pk).values_list("day", flat=True)) == {
        june(1),
        june(2),
    }
    assert set(ProviderCost.objects.filter(runtime=None).values_list("resource", flat=True)) == {
        "i-other",
        "",
    }


def test_the_same_bill_again_books_nothing(checkout: Runtime, tmp_path: Path) -> None:
    source = str(as_csv(tmp_path / "bill.csv", rows_for(checkout)))
    first, _ = import_bill(actor=FINOPS, source=source)
    again, fresh = import_bill(actor=FINOPS, source=source)
    assert (again.pk, again.imports, fresh) == (first.pk, 1, False)
    assert booked() == EXPECTED


def test_an_open_bill_is_replaced_as_a_whole_and_a_final_one_stands(
    checkout: Runtime, tmp_path: Path
) -> None:
    first, _ = import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "a.csv", rows_for(checkout))))
    final = [
        {**row, "bill_invoice_id": "INV-1"}
        for row in [*rows_for(checkout), cur_row("3", line_item_resource_id="i-other")]
    ]
    second, fresh = import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "b.csv", final)))
    assert (second.pk, second.imports, second.invoice, fresh) == (first.pk, 2, "INV-1", True)
    assert booked() == {**EXPECTED, ("compute", False): Decimal(12)}
    other = str(as_csv(tmp_path / "c.csv", [{**row, "bill_invoice_id": "INV-2"} for row in final]))
    with pytest.raises(Refused) as refusal:
        import_bill(actor=FINOPS, source=other)
    assert refusal.value.code == "bill_final"
    assert ProviderBill.objects.get().invoice == "INV-1"
    third, _ = import_bill(actor=FINOPS, source=other, final_again=True)
    assert third.invoice == "INV-2"


def test_wrong_rows_are_told_by_row_and_column_and_nothing_is_booked(
    checkout: Runtime, tmp_path: Path
) -> None:
    import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "a.csv", rows_for(checkout))))
    rows = rows_for(checkout)
    rows[1]["line_item_unblended_cost"] = "NaN"
    rows[2]["line_item_usage_start_date"] = "yesterday"
    rows[3]["resource_tags"] = "{"
    rows[4]["line_item_currency_code"] = "Dollar"
    rows[5]["bill_payer_account_id"] = "999999999999"
    with pytest.raises(Refused) as refusal:
        import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "b.csv", rows)))
    assert refusal.value.code == "bill_malformed"
    assert [error.field for error in refusal.value.errors] == [
        "line_item_unblended_cost", "line_item_usage_start_date", "resource_tags", "line_item_currency_code", "payer",
    ]  # fmt: skip
    assert refusal.value.errors[0].detail.startswith("b.csv, row 2, column line_item_unblended_cost: 'NaN'")
    assert booked() == EXPECTED


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("resource_tags", "[1]"),
        ("resource_tags", '["ab"]'),
        ("resource_tags", "[" * 100_000),
        ("bill_billing_period_start_date", "9999-12-01"),
        ("line_item_usage_start_date", "0001-01-01"),
    ],
)
def test_a_field_that_nobody_expects_is_told_by_row_and_column(
    tmp_path: Path, column: str, value: str
) -> None:
    odd = {**cur_row(), column: value}
    with pytest.raises(Refused, match=f"row 2, column {column}") as refusal:
        import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "a.csv", [cur_row(), odd])))
    assert refusal.value.code == "bill_malformed"
    assert not ProviderBill.objects.exists()


def test_a_wrong_row_at_the_end_of_the_second_file_leaves_nothing_half_booked(
    checkout: Runtime, tmp_path: Path
) -> None:
    as_csv(tmp_path / "1.csv", rows_for(checkout) * 50)
    as_csv(tmp_path / "2.csv", [cur_row(), cur_row("much")])
    with pytest.raises(Refused, match=r"2\.csv, row 2, column line_item_unblended_cost"):
        import_bill(actor=FINOPS, source=str(tmp_path))
    assert not ProviderBill.objects.exists()
    assert not ProviderCost.objects.exists()
    as_csv(tmp_path / "2.csv", [cur_row(), cur_row("2")])
    row, _ = import_bill(actor=FINOPS, source=str(tmp_path))
    assert row.lines == 302


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bill.csv", b"a,b\n1,2\n", "bill_malformed"),
        ("bill.csv", b"", "bill_malformed"),
        ("bill.csv", ",".join(COLUMNS).encode() + b"\n", "bill_empty"),
        ("bill.csv", b"\xff\xfe\x00", "bill_not_readable"),
        ("bill.csv.gz", b"not gzip", "bill_not_readable"),
        ("bill.csv.gz", gzip.compress(b"a" * 99)[:12] + b"\0\1\2\3" * 9, "bill_not_readable"),
        ("bill.parquet", b"PAR1 and no more", "bill_not_readable"),
        ("bill.txt", b"", "bill_not_found"),
    ],
)
def test_what_is_no_bill_is_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused) as refusal:
        import_bill(actor=FINOPS, source=str(tmp_path / name))
    assert refusal.value.code == code


def test_a_tax_is_charged_and_is_no_cost(tmp_path: Path) -> None:
    rows = [cur_row("1.5"), cur_row("0.3", line_item_line_item_type="Tax")]
    row, _ = import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "a.csv", rows)))
    assert (row.unblended, row.amortized, row.lines) == (Decimal("1.8"), Decimal("1.5"), 2)


def test_what_a_savings_plan_covers_bears_its_share(tmp_path: Path) -> None:
    plan: dict[str, Any] = {"line_item_resource_id": "i-1"}
    rows = [
        cur_row("10", **plan, line_item_line_item_type="SavingsPlanCoveredUsage", savings_plan_savings_plan_effective_cost="7"),
        cur_row("-10", **plan, line_item_line_item_type="SavingsPlanNegation"),
        cur_row("8", **plan, line_item_line_item_type="SavingsPlanRecurringFee", savings_plan_total_commitment_to_date="8",
                savings_plan_used_commitment="7"),
        cur_row("0", **plan, line_item_line_item_type="DiscountedUsage", reservation_effective_cost="0.4"),
        cur_row("5", **plan, line_item_line_item_type="RIFee", reservation_unused_recurring_fee="0.1"),
    ]  # fmt: skip
    row, _ = import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "b.csv", rows)))
    assert (row.unblended, row.amortized) == (Decimal(13), Decimal("8.5"))


def test_a_cluster_of_the_same_name_later_is_another_runtimes(checkout: Runtime, tmp_path: Path) -> None:
    Runtime.objects.filter(pk=checkout.pk).update(created_at="2026-06-02T00:00:00Z")
    rows = [
        cur_row("1", tags={"user_name": named(checkout)}),
        cur_row("2", day=3, tags={"user_name": named(checkout)}),
    ]
    import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "b.csv", rows)))
    assert booked() == {("compute", False): Decimal(1), ("compute", True): Decimal(2)}


def test_a_bill_comes_from_a_bucket(checkout: Runtime, tmp_path: Path, bucket: Any) -> None:
    bucket.upload_file(
        str(as_parquet(tmp_path / "1.parquet", rows_for(checkout))), "trail", "cur/2026-06/1.snappy.parquet"
    )
    bucket.put_object(Bucket="trail", Key="cur/2026-06/Manifest.json", Body=b"{}")
    import_bill(actor=FINOPS, source="s3://trail/cur/2026-06/")
    assert booked() == EXPECTED
    with pytest.raises(Refused, match="There is no bill"):
        import_bill(actor=FINOPS, source="s3://trail/nothing/")
    with pytest.raises(Refused, match="can't be read"):
        import_bill(actor=FINOPS, source="s3://nobodys-bucket/x.csv")


def test_a_plain_csv_and_the_command(checkout: Runtime, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "plain.csv"
    lines = [
        "payer,day,meter_group,cost,currency,tags",
        f'me,2026-06-01,compute,1.25,EUR,"{{""nesoi.dev/runtime"": ""{checkout.pk}""}}"',
        "me,2026-06-02,storage,0.75,EUR,",
    ]
    file.write_text("\n".join(lines) + "\n")
    call_command("bill", "import", str(file), "--format", "csv", "--provider", "openstack")
    assert "openstack me 2026-06: 2 lines, 2.00 EUR, open" in capsys.readouterr().out
    assert booked() == {("compute", True): Decimal("1.25"), ("storage", False): Decimal("0.75")}
    file.write_text(file.read_text().replace("storage", "rest"))
    with pytest.raises(CommandError, match="row 2, column meter_group"):
        call_command("bill", "import", str(file), "--format", "csv", "--provider", "openstack")


def test_only_finops_imports(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="FinOps"):
        import_bill(actor=Actor("sre", platform_role=PlatformRole.SRE), source=str(tmp_path))
