"""A month is written whole or not at all: over the former file while it is open, beside it once it is closed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from billing.exports import publishing
from billing.exports.calendar import ask_due
from billing.exports.focus.columns import Dataset, Version
from billing.exports.models import FileFormat, FocusExport
from billing.exports.publishing import check_file
from billing.exports.services import ask_export, write_due
from billing.statements.models import Charge
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.jobs import JobState
from controlplane.tenants.models import AuditEvent
from controlplane.tenants.services import create_account, create_tenant
from tests.bucket import a_bucket
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, GIB_HOUR, JUNE, begin, change, drafted, runtime, sealed, use
from tests.world import World

pytestmark = pytest.mark.django_db
FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)
MEASURED: dict[str, Any] = {"vcpu": 96 * CORE_HOUR, "memory": 384 * GIB_HOUR}


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with a_bucket() as found:
        yield found


@pytest.fixture
def used(world: World) -> World:
    begin()
    use(runtime(), world.shop, JUNE, days=3, **MEASURED)
    use(runtime(), world.main, JUNE, days=2, **MEASURED)
    return world


def export(to: Path | str, month: date = JUNE, **more: Any) -> FocusExport:
    row = ask_export(actor=FINOPS, month=month, to=str(to), **more)
    write_due(only=row.pk)
    row.refresh_from_db()
    return row


def read(place: Path | str) -> list[dict[str, str]]:
    with Path(place).open(newline="") as file:
        return list(csv.DictReader(file))


def files(folder: Path, dataset: str = "") -> list[str]:
    """The names of the files of charges, or of another dataset."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("metadata")]
    beside = {str(each) for each in Dataset}
    return sorted(
        path.name
        for path in found
        if (path.parent.name == dataset if dataset else path.parent.name not in beside)
    )


def test_a_draft_is_written_over_until_the_month_is_closed(used: World, tmp_path: Path) -> None:
    drafted(used.archipel, JUNE)
    first = export(tmp_path)
    assert (first.state, first.closed, first.part) == (JobState.DONE, False, 0)
    assert {row["BillingAccountName"] for row in read(first.place)} == {"Archipel"}
    assert {row["InvoiceId"] for row in read(first.place)} == {""}
    sealed(used.archipel, JUNE)
    drafted(used.basalt, JUNE)
    second = export(tmp_path)
    assert second.place == first.place
    rows = read(second.place)
    assert {row["BillingAccountName"] for row in rows} == {"Archipel", "Basalt"}
    assert {bool(row["InvoiceId"]) for row in rows if row["BillingAccountName"] == "Archipel"} == {True}
    assert files(tmp_path) == ["nesoi-2026-06-part-00000.csv"]


def test_the_file_adds_up_to_the_statements(used: World, tmp_path: Path) -> None:
    statements = [sealed(tenant, JUNE) for tenant in (used.archipel, used.basalt)]
    rows = read(export(tmp_path).place)
    assert sum(Decimal(row["BilledCost"]) for row in rows) == sum(row.total for row in statements)
    assert len(rows) == Charge.objects.count()
    assert {row["SubAccountName"] for row in rows if row["SubAccountId"]} == {"shop", "main"}


def test_a_closed_month_gets_further_parts_and_no_charge_twice(used: World, tmp_path: Path) -> None:
    sealed(used.archipel, JUNE)
    sealed(used.basalt, JUNE)
    first = export(tmp_path)
    assert (first.closed, len(first.statements)) == (True, 2)
    before = Path(first.place).read_bytes()
    again = export(tmp_path)
    assert (again.state, again.place, again.rows) == (JobState.DONE, "", 0)
    late = create_tenant(actor=SYSTEM, slug="cobalt", name="Cobalt")
    account = create_account(actor=SYSTEM, tenant=late, slug="main", name="Main")
    use(runtime(), account, JUNE, **MEASURED)
    drafted(late, JUNE)
    assert export(tmp_path).place == "", "a draft of a month that was closed waits until it is sealed"
    sealed(late, JUNE)
    more = export(tmp_path)
    assert (more.part, more.closed, len(more.statements)) == (1, True, 1)
    assert files(tmp_path) == ["nesoi-2026-06-part-00000.csv", "nesoi-2026-06-part-00001.csv"]
    assert Path(first.place).read_bytes() == before
    ids = [row["x_ChargeId"] + row["InvoiceId"] for path in (first.place, more.place) for row in read(path)]
    assert len(ids) == len(set(ids)) == Charge.objects.count()


def test_a_correction_stands_in_the_next_month_and_the_closed_one_is_left_alone(
    world: World, tmp_path: Path
) -> None:
    begin()
    source = runtime()
    use(source, world.shop, JUNE, days=3, **MEASURED)
    use(source, world.shop, date(2026, 7, 1), days=1, **MEASURED)
    sealed(world.archipel, JUNE)
    june = export(tmp_path)
    before = Path(june.place).read_bytes()
    change(source, JUNE, "vcpu", 72 * CORE_HOUR)
    sealed(world.archipel, date(2026, 7, 1))
    july = read(export(tmp_path, date(2026, 7, 1)).place)
    mended = [row for row in july if row["ChargeClass"] == "Correction"]
    assert mended
    assert {row["ChargePeriodStart"][:7] for row in mended} == {"2026-06"}
    assert {row["BillingPeriodStart"][:7] for row in mended} == {"2026-07"}
    assert export(tmp_path).place == ""
    assert Path(june.place).read_bytes() == before


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("file_format", list(FileFormat))
def test_every_version_and_format_holds_its_rules(
    used: World, tmp_path: Path, version: Version, file_format: FileFormat
) -> None:
    sealed(used.archipel, JUNE)
    row = export(tmp_path, version=version, file_format=file_format)
    assert row.state == JobState.DONE, row.fault
    assert check_file(Path(row.place), version, file_format).holds
    told = json.loads(Path(row.place).with_name(f"metadata-{file_format}.json").read_text())
    assert (told["FocusVersion"], told["DataGenerator"]) == (str(version), "Nesoi")
    assert told["SchemaId"].startswith(f"nesoi-{version}-")
    assert len(told["ColumnDefinition"]) > 50


def test_a_failing_file_is_not_handed_over_and_the_former_one_stays(
    used: World, tmp_path: Path, settings: Any
) -> None:
    drafted(used.archipel, JUNE)
    first = export(tmp_path)
    before = Path(first.place).read_bytes()
    settings.FOCUS_ISSUER = " "  # no name of an issuer
    second = export(tmp_path)
    assert (second.state, second.attempts) == (JobState.FAILED, 1)
    assert "row 1, column InvoiceIssuerName, rule InvoiceIssuerName-Type" in second.fault
    assert "more" in second.fault
    assert Path(first.place).read_bytes() == before
    assert AuditEvent.objects.filter(action="focus.export.fail").count() == 1


ROOM = "billing.exports"
CRASHES = (
    f"{ROOM}.publishing.write_csv", f"{ROOM}.publishing.check_file", f"{ROOM}.places.put", f"{ROOM}.places.Path.replace",
    f"{ROOM}.places.os.fsync",
)  # fmt: skip


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash_at_any_line_leaves_the_former_export_whole(
    used: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    drafted(used.archipel, JUNE)
    first = export(tmp_path)
    before = Path(first.place).read_bytes()
    drafted(used.basalt, JUNE)

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, crash)
        row = ask_export(actor=FINOPS, month=JUNE, to=str(tmp_path))
        with pytest.raises(KeyboardInterrupt):
            write_due(only=row.pk)
    assert Path(first.place).read_bytes() == before
    assert files(tmp_path) == ["nesoi-2026-06-part-00000.csv"]
    # Its lease runs out, and another worker does it.
    FocusExport.objects.filter(pk=row.pk).update(due_at=datetime(2026, 11, 20, tzinfo=UTC))
    write_due()
    row.refresh_from_db()
    assert row.state == JobState.DONE
    assert {found["BillingAccountName"] for found in read(row.place)} == {"Archipel", "Basalt"}


def test_whoever_was_overtaken_writes_no_row(
    used: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted(used.archipel, JUNE)
    row = ask_export(actor=FINOPS, month=JUNE, to=str(tmp_path))
    whole = publishing.publish

    def slow(**given: Any) -> Any:
        FocusExport.objects.filter(pk=row.pk).update(attempts=2)
        return whole(**given)

    monkeypatch.setattr(f"{ROOM}.services.publish", slow)
    write_due(only=row.pk)
    row.refresh_from_db()
    assert (row.state, row.place) == (JobState.RUNNING, "")


def test_a_month_goes_to_a_bucket(used: World, bucket: Any) -> None:
    sealed(used.archipel, JUNE)
    with acting_as(WORKER):
        row = export("s3://trail/finance/", file_format="parquet")
    assert row.place == "s3://trail/finance/focus-1.4/billing_period=2026-06/nesoi-2026-06-part-00000.parquet"
    found = bucket.get_object(Bucket="trail", Key=row.place.removeprefix("s3://trail/"))["Body"].read()
    assert found[:4] == b"PAR1"
    names = [entry["Key"] for entry in bucket.list_objects_v2(Bucket="trail", Prefix="finance/")["Contents"]]
    assert [name.rpartition("/")[2] for name in sorted(names)] == [
        "metadata-parquet.json", "nesoi-2026-06.parquet", "metadata-parquet.json", "nesoi-2026-06-part-00000.parquet",
        "metadata-parquet.json", "nesoi-2026-06-part-00000.parquet",
    ]  # fmt: skip


def test_a_bucket_that_is_not_there_is_tried_again_then_told(used: World, bucket: Any) -> None:
    drafted(used.archipel, JUNE)
    row = export("s3://nobodys-bucket/x")
    assert (row.state, row.attempts) == (JobState.WAITING, 1)
    for _ in range(2):
        FocusExport.objects.filter(pk=row.pk).update(due_at=datetime(2026, 11, 1, tzinfo=UTC))
        write_due()
    row.refresh_from_db()
    assert row.state == JobState.FAILED
    assert "s3://nobodys-bucket/x" in row.fault


def test_the_calendar_asks_once_a_day_for_each_file(used: World, tmp_path: Path, settings: Any) -> None:
    assert ask_due() == 0
    settings.FOCUS_EXPORT_TO = str(tmp_path)
    assert ask_due() == 4
    assert ask_due() == 0
    assert write_due() == 4
    assert ask_due() == 0
    with time_machine.travel(datetime(2026, 11, 21, 0, 5, tzinfo=UTC)):
        assert ask_due() == 4
    assert {row.month for row in FocusExport.objects.all()} == {date(2026, 10, 1), date(2026, 11, 1)}


def test_asking_twice_waits_once(used: World, tmp_path: Path) -> None:
    rows = {ask_export(actor=FINOPS, month=JUNE, to=str(tmp_path)).pk for _ in range(2)}
    assert len(rows) == 1


def test_only_finops_asks() -> None:
    for actor in (Actor("x", role=Role.OWNER, tenant_id=None), Actor("sre", platform_role=PlatformRole.SRE)):
        with pytest.raises(Refused, match="FinOps"):
            ask_export(actor=actor, month=JUNE, to="/tmp/x")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"month": date(2026, 6, 2)}, "month_invalid"),
        ({"month": date(2027, 1, 1)}, "month_invalid"),
        ({"version": "1.3"}, "version_unknown"),
        ({"file_format": "xlsx"}, "format_unknown"),
        ({"to": "ftp://x"}, "place_invalid"),
        ({"to": "s3://Not_A_Bucket/x"}, "place_invalid"),
        ({"to": ""}, "export_not_set_up"),
    ],
)
def test_what_can_not_be_written_is_refused_with_a_code(given: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        ask_export(actor=SYSTEM, **{"month": JUNE, "to": "/tmp/x", **given})
    assert refusal.value.code == code


def test_the_command_writes_checks_and_refuses(used: World, tmp_path: Path, capsys: Any) -> None:
    sealed(used.archipel, JUNE)
    drafted(used.basalt, JUNE)
    call_command("focus", "export", "--month", "2026-06", "--to", str(tmp_path))
    assert "rows in" in capsys.readouterr().out
    file = next(tmp_path.glob("*/*/*.csv"))
    call_command("focus", "check", str(file))
    file.write_text(file.read_text().replace(",Usage,", ",Useage,"))
    with pytest.raises(CommandError, match="violations"):
        call_command("focus", "check", str(file))
    assert "rule ChargeCategory-AllowedValues" in capsys.readouterr().out
    with pytest.raises(CommandError, match="month"):
        call_command("focus", "export", "--month", "June", "--to", str(tmp_path))
