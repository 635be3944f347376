"""Bills are looked for where providers leave them: read when they changed, booked once, and what is wrong is kept to be seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command

from billing.exports import queries
from billing.exports.bills import schedule
from billing.exports.bills.importing import import_bill
from billing.exports.bills.removing import TAKEN_BACK, remove_bill
from billing.exports.bills.schedule import look_due
from billing.exports.models import BillPlace, ProviderBill
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.isolation.roles import WORKER
from tests.bills import as_csv, cur_row
from tests.bucket import a_bucket
from tests.database_roles import acting_as

pytestmark = pytest.mark.django_db
FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)
JULY_3 = datetime(2026, 7, 3, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(JULY_3, tick=False) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.PROVIDER_BILLS_FROM = [f"aws/cur2={tmp_path}/{{month}}/"]
    (tmp_path / "2026-06").mkdir()
    return tmp_path / "2026-06"


def looked() -> int:
    with acting_as(WORKER):
        return look_due()


def states() -> dict[str, tuple[bool, str]]:
    return {Path(row.place).name: (row.bill is not None, row.fault) for row in BillPlace.objects.all()}


def test_a_new_bill_is_booked_and_read_again_only_when_its_files_change(
    folder: Path, clock: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    read: list[str] = []

    def noted(**given: Any) -> Any:
        read.append(given["source"])
        return import_bill(**given)

    monkeypatch.setattr(schedule, "import_bill", noted)
    assert looked() == 2, "this month's place, and the one before"
    assert states() == {"2026-06": (False, ""), "2026-07": (False, "")}
    file = as_csv(folder / "bill.csv", [cur_row("1.50")])
    assert looked() == 0, "not before its turn"
    clock.shift(timedelta(hours=2))
    assert looked() == 2
    clock.shift(timedelta(hours=2))
    assert looked() == 2
    assert len(read) == 1
    assert ProviderBill.objects.get().lines == 1
    as_csv(file, [cur_row("1.50"), cur_row("2.50")])
    clock.shift(timedelta(hours=2))
    looked()
    assert (len(read), ProviderBill.objects.get().lines) == (2, 2)
    call_command("bill", "places")
    assert "2026-06/: looked at 2026-07-03 18:00, booked" in capsys.readouterr().out


def test_a_wrong_bill_is_told_once_and_mended_by_another_file(folder: Path, clock: Any) -> None:
    file = as_csv(folder / "bill.csv", [cur_row("NaN")])
    looked()
    fault = states()["2026-06"][1]
    assert "row 1, column line_item_unblended_cost" in fault
    assert not ProviderBill.objects.exists()
    as_csv(file, [cur_row("1.50")])
    os.utime(file, (1, 1))
    clock.shift(timedelta(hours=2))
    looked()
    assert states()["2026-06"] == (True, "")


def test_a_month_is_looked_at_a_last_time_once_it_is_older_than_the_one_before(
    folder: Path, clock: Any
) -> None:
    looked()
    clock.move_to(datetime(2026, 8, 2, tzinfo=UTC))
    assert looked() == 3
    clock.shift(timedelta(hours=2))
    assert looked() == 2
    assert BillPlace.objects.get(place__contains="2026-06").due_at.year > 2100


def test_bills_come_from_a_bucket_and_a_bucket_that_is_away_is_tried_again(
    settings: Any, tmp_path: Path
) -> None:
    settings.PROVIDER_BILLS_FROM = ["aws/cur2=s3://trail/cur/{month}/"]
    with a_bucket() as s3:
        s3.upload_file(str(as_csv(tmp_path / "x.csv", [cur_row("1.50")])), "trail", "cur/2026-06/x.csv")
        assert look_due(date(2026, 7, 3)) == 2
        assert states() == {"2026-06": (True, ""), "2026-07": (False, "")}
        settings.PROVIDER_BILLS_FROM = ["aws/cur2=s3://nobodys-bucket/{month}/"]
        look_due(date(2026, 7, 3))
    row = BillPlace.objects.get(place="s3://nobodys-bucket/2026-06/")
    assert "can't be read" in row.fault
    assert row.fingerprint == ""


@pytest.mark.parametrize(
    "text", ["/srv/bills/{month}", "aws/cur3=/srv/{month}", "aws/cur2=/srv/bills", "/csv=/srv/{month}"]
)
def test_a_feed_that_makes_no_sense_is_refused_in_words(settings: Any, text: str) -> None:
    settings.PROVIDER_BILLS_FROM = [text]
    with pytest.raises(Refused, match="PROVIDER_BILLS_FROM") as caught:
        look_due()
    assert caught.value.code == "feed_invalid"


def test_a_place_that_breaks_is_named_and_holds_up_no_other(
    folder: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "2026-07").mkdir()
    for name in ("2026-06", "2026-07"):
        as_csv(folder.parent / name / "bill.csv", [cur_row("1.50")])

    def stumble(**given: Any) -> Any:
        if "2026-06" in given["source"]:
            raise ZeroDivisionError
        return import_bill(**given)

    monkeypatch.setattr(schedule, "import_bill", stumble)
    assert looked() == 2
    assert states()["2026-07"] == (True, "")
    assert "provider_bill_place_broke" in states()["2026-06"][1]
    monkeypatch.setattr(schedule, "import_bill", import_bill)
    clock.shift(timedelta(hours=2))
    assert looked() == 2
    assert states()["2026-06"] == (True, "")


def test_a_bill_that_was_taken_back_stays_away_until_its_files_change(
    folder: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = as_csv(folder / "bill.csv", [cur_row("1.50")])

    def taken_back_meanwhile(**given: Any) -> Any:
        bill, booked = import_bill(**given)
        remove_bill(actor=FINOPS, bill_id=bill.pk, reason="wrong payer")
        return bill, booked

    monkeypatch.setattr(schedule, "import_bill", taken_back_meanwhile)
    looked()
    monkeypatch.setattr(schedule, "import_bill", import_bill)
    clock.shift(timedelta(hours=2))
    looked()
    assert states()["2026-06"] == (False, TAKEN_BACK)
    as_csv(file, [cur_row("2.50")])
    clock.shift(timedelta(hours=2))
    looked()
    assert states()["2026-06"] == (True, "")
    remove_bill(actor=FINOPS, bill_id=ProviderBill.objects.get().pk, reason="wrong payer")
    clock.shift(timedelta(hours=2))
    looked()
    assert states()["2026-06"] == (False, TAKEN_BACK)


def test_a_bill_that_is_imported_anew_in_that_moment_is_not_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill, _ = import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "x.csv", [cur_row("1.50")])))
    ask, met = queries.rows, list[bool]()

    def waited(statement: str, values: Any) -> Any:
        if statement == queries.LOCK_BILL and not met:
            met.append(True)
            import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "y.csv", [cur_row("2.50")])))
        return ask(statement, values)

    monkeypatch.setattr(queries, "rows", waited)
    with pytest.raises(Refused) as caught:
        remove_bill(actor=FINOPS, bill_id=bill.pk, reason="wrong payer")
    assert (caught.value.code, caught.value.status) == ("bill_changed", 409)
    assert ProviderBill.objects.get() == bill
