"""A bill that somebody asks for is read by a worker, and whoever asked sees row and column of what is wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from billing.exports.bills import asking
from billing.exports.bills.importing import import_bill
from billing.exports.models import BillImport, ProviderBill
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.jobs import MOST_ATTEMPTS
from controlplane.tenants.models import AuditEvent
from controlplane.tenants.services import create_user, issue_token
from tests.api.asking import Asking, problem, read
from tests.bills import as_csv, cur_row
from tests.bucket import a_bucket
from tests.database_roles import acting_as
from tests.signed_in import text
from tests.world import World, ensure_catalog

pytestmark = pytest.mark.django_db
FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)
PATH = "/provider-bills"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with a_bucket() as found:
        yield found


@pytest.fixture
def finops(world: World) -> Asking:
    ensure_catalog()
    _, token = issue_token(actor=SYSTEM, name="finops", platform_role=PlatformRole.FINOPS)
    return Asking(token=token)


def sent(folder: Path, *rows: dict[str, Any], name: str = "june.csv.gz") -> dict[str, Any]:
    """A request that holds a bill."""
    content = as_csv(folder / name, rows).read_bytes()
    return {"provider": "aws", "name": name, "content": base64.b64encode(content).decode()}


def test_a_bill_that_is_sent_is_booked_by_a_worker_and_forgotten(finops: Asking, tmp_path: Path) -> None:
    asked = read(finops.post(PATH, sent(tmp_path, cur_row("1.50"), cur_row("2"))))
    assert (asked["state"], asked["source"], asked["bill"]) == ("waiting", "june.csv.gz", None)
    with acting_as(WORKER):
        assert asking.import_due() == 1
        assert asking.import_due() == 0
    done = read(finops.get(f"{PATH}/imports/{asked['id']}"))
    assert (done["state"], done["booked"], done["fault"], done["faults"]) == ("done", True, "", [])
    (bill,) = read(finops.get(PATH))["results"]
    assert (bill["id"], bill["amortized"], bill["lines"]) == (done["bill"], "3.5", 2)
    assert ProviderBill.objects.get().source == "june.csv.gz"
    assert BillImport.objects.get().content is None
    assert AuditEvent.objects.filter(action="bill.import").get().actor == asked["asked_by"]


def test_a_wrong_row_is_told_with_its_column_and_nothing_is_booked(finops: Asking, tmp_path: Path) -> None:
    rows = [cur_row("1.5"), cur_row("much"), cur_row("2", line_item_currency_code="Euro")]
    asked = read(finops.post(PATH, sent(tmp_path, *rows, name="june.csv")))
    asking.import_due()
    found = read(finops.get(f"{PATH}/imports/{asked['id']}"))
    assert found["state"] == "failed"
    assert [fault["column"] for fault in found["faults"]] == [
        "line_item_unblended_cost",
        "line_item_currency_code",
    ]
    assert found["faults"][0]["detail"].startswith(
        "june.csv, row 2, column line_item_unblended_cost: 'much' is no amount"
    )
    assert "Nothing was booked" in found["fault"]
    assert not ProviderBill.objects.exists()


def test_a_bill_in_a_bucket_is_read_there(finops: Asking, tmp_path: Path, bucket: Any) -> None:
    bucket.upload_file(str(as_csv(tmp_path / "a.csv", [cur_row("4")])), "trail", "wanted/2026-06/a.csv")
    asked = read(finops.post(PATH, {"provider": "aws", "source": "s3://trail/wanted/2026-06/"}))
    asking.import_due()
    assert read(finops.get(f"{PATH}/imports/{asked['id']}"))["state"] == "done"
    assert ProviderBill.objects.get().amortized == Decimal(4)
    again = read(finops.post(PATH, {"provider": "aws", "source": "s3://trail/wanted/2026-06/"}))
    asking.import_due()
    assert not read(finops.get(f"{PATH}/imports/{again['id']}"))["booked"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, "source_missing"),
        ({"source": "s3://trail/a/", "name": "a.csv", "content": "YQ=="}, "source_missing"),
        ({"name": "../a.csv", "content": "YQ=="}, "file_invalid"),
        ({"name": "a.exe", "content": "YQ=="}, "file_invalid"),
        ({"name": "a.csv", "content": "not base64!"}, "content_invalid"),
        ({"source": "s3://no bucket/a/"}, "place_invalid"),
    ],
)
def test_what_can_not_be_read_is_refused_at_once(finops: Asking, wish: dict[str, str], code: str) -> None:
    assert problem(finops.post(PATH, {"provider": "aws", **wish})) == (422, code)
    assert not BillImport.objects.exists()


def test_a_path_of_this_machine_is_never_read(finops: Asking) -> None:
    assert problem(finops.post(PATH, {"provider": "aws", "source": "/etc/passwd"}))[0] == 422
    with pytest.raises(Refused, match="place in a bucket"):
        asking.ask_import(actor=FINOPS, provider="aws", source="/etc/passwd")


def test_a_file_that_is_too_large_belongs_into_a_bucket(settings: Any) -> None:
    settings.BODY_LIMIT_BYTES = 10
    with pytest.raises(Refused, match="into a bucket") as refused:
        asking.ask_import(actor=FINOPS, provider="aws", name="a.csv", content=b"x" * 11)
    assert refused.value.status == 413


def test_a_bucket_that_is_away_is_asked_again_and_a_dead_worker_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(**_: Any) -> Any:
        raise Refused("bill_not_readable", "It does not answer.", status=503)

    monkeypatch.setattr(asking, "import_bill", away)
    row = asking.ask_import(actor=FINOPS, provider="aws", source="s3://trail/a/")
    states = []
    for _ in range(MOST_ATTEMPTS):
        assert asking.import_due(only=row.pk) == 1
        row.refresh_from_db()
        states.append(row.state)
        BillImport.objects.filter(pk=row.pk).update(due_at=utcnow() - timedelta(seconds=1))
    assert states == ["waiting", "waiting", "failed"]
    dead = asking.ask_import(actor=FINOPS, provider="aws", source="s3://trail/a/")
    BillImport.objects.filter(pk=dead.pk).update(
        state="running", attempts=3, due_at=utcnow() - timedelta(seconds=1)
    )
    asking.import_due(only=dead.pk)
    dead.refresh_from_db()
    assert dead.state == "failed"


def test_a_bill_that_breaks_its_worker_holds_up_no_other_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken, whole = (
        asking.ask_import(actor=FINOPS, provider="aws", name=name, content=content)
        for name, content in (
            ("broken.csv", b"x"),
            ("whole.csv", as_csv(tmp_path / "whole.csv", [cur_row()]).read_bytes()),
        )
    )

    def breaking(**wish: Any) -> Any:
        if wish["named"] == "broken.csv":
            raise RuntimeError
        return import_bill(**wish)

    monkeypatch.setattr(asking, "import_bill", breaking)
    assert asking.import_due() == 2
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.state, whole.state) == ("waiting", "done")
    assert "job_broke" in broken.fault


def test_no_tenant_sees_an_import(world: World) -> None:
    asking.ask_import(actor=FINOPS, provider="aws", source="s3://trail/a/")
    with tenant_scope(world.archipel.id):
        assert not BillImport.objects.exists()


def test_the_page_takes_a_file_and_shows_what_no_runtime_owns(world: World, tmp_path: Path) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client = Client()
    client.force_login(person)
    rows = [
        cur_row("9.00", line_item_resource_id="i-strange"),
        cur_row("0.50", line_item_resource_id="i-other"),
    ]
    with as_csv(tmp_path / "june.csv", rows).open("rb") as file:
        sent = client.post("/fleet/bills", {"provider": "aws", "format": "cur2", "file": file})
    assert sent.status_code == 302
    asking.import_due()
    listed = text(client.get("/fleet/bills", {"month": "2026-06"}))
    assert "june.csv" in listed
    assert "Booked" in listed
    opened = text(client.get(f"/fleet/bills/{ProviderBill.objects.get().pk}"))
    assert opened.index("i-strange") < opened.index("i-other")
    assert "9.50 EUR for 111122223333" in opened
    refused = client.post("/fleet/bills", {"provider": "aws", "format": "cur2", "source": "/etc/passwd"})
    assert refused.status_code == 422
    assert "source must be a place in a bucket" in text(refused)


def test_a_bill_is_taken_back_with_a_reason_and_may_come_again(world: World, tmp_path: Path) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client, source = Client(), str(as_csv(tmp_path / "june.csv", [cur_row("9.00")]))
    client.force_login(person)
    bill, _ = import_bill(actor=FINOPS, source=source, provider="asw")
    refused = client.post(f"/fleet/bills/{bill.pk}", {"reason": " "})
    assert refused.status_code == 422
    assert "Say in a sentence why" in text(refused)
    done = client.post(f"/fleet/bills/{bill.pk}", {"reason": "a slip of the pen"}, follow=True)
    assert "The bill asw 111122223333 June 2026 is taken back" in text(done)
    assert not ProviderBill.objects.exists()
    told = AuditEvent.objects.get(action="bill.remove").changes
    assert (told["reason"], told["amount"]) == ("a slip of the pen", "9.00 EUR")
    assert client.post(f"/fleet/bills/{bill.pk}", {"reason": "again"}).status_code == 404
    assert import_bill(actor=FINOPS, source=source, provider="aws")[1]
