"""Exports are asked for by people, written by a worker into their tenant's place, and tell how far they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.audit import reading, shipping
from controlplane.tenants.audit.reading import Search
from controlplane.tenants.audit.shipping import ask_export, ship_due, visible_exports
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.jobs import OvertakenError
from controlplane.tenants.models import AuditEvent
from tests.bucket import a_bucket
from tests.database_roles import acting_as
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with a_bucket() as found:
        yield found


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    return tmp_path


def leave(world: World, count: int = 4) -> None:
    for number in range(count):
        audit.record(
            "x.done",
            actor=SYSTEM,
            tenant_id=world.archipel.id if number % 2 else world.basalt.id,
            target_type="x",
            target_id=number,
        )


def ask(world: World, **narrowed: Any) -> AuditExport:
    return ask_export(actor=world.alice.actor, search=Search(**narrowed))


def written(row: AuditExport) -> list[dict[str, Any]]:
    row.refresh_from_db()
    return [json.loads(line) for line in Path(row.place).read_text().splitlines()]


def test_a_tenants_export_holds_its_own_rows_and_stands_in_its_own_folder(world: World, folder: Path) -> None:
    leave(world)
    row = ask(world, action="x.")
    assert row.state == "waiting"
    assert ship_due() == 1
    assert [one["target"]["id"] for one in written(row)] == ["1", "3"]
    assert (row.state, row.rows, row.fault) == ("done", 2, "")
    assert Path(row.place).parent == folder / "archipel"
    assert row.finished_at
    assert ship_due() == 0


def test_who_names_another_tenant_gets_nothing_of_it(world: World) -> None:
    leave(world)
    row = ask(world, action="x.", tenant="basalt")
    ship_due()
    assert written(row) == []


def test_the_platforms_export_holds_every_tenant_and_stands_apart(world: World, folder: Path) -> None:
    leave(world)
    row = ask_export(actor=world.sam.actor, search=Search(action="x."))
    ship_due()
    assert {one["tenant"] for one in written(row)} == {"archipel", "basalt"}
    assert Path(row.place).parent == folder / "_platform"


def test_it_goes_to_the_tenants_bucket(world: World, bucket: Any, settings: Any) -> None:
    settings.AUDIT_EXPORT_TO = "s3://trail/of-{tenant}/kept"
    leave(world)
    row = ask(world, action="x.")
    ship_due()
    row.refresh_from_db()
    assert row.place.startswith("s3://trail/of-archipel/kept/audit-")
    body = bucket.get_object(Bucket="trail", Key=row.place.removeprefix("s3://trail/"))["Body"].read()
    assert len(body.splitlines()) == row.rows == 2


def test_a_worker_writes_it_as_its_own_role(world: World) -> None:
    leave(world)
    row = ask(world, action="x.")
    with acting_as(WORKER):
        assert ship_due() == 1
    assert len(written(row)) == 2


def test_a_bucket_that_is_away_is_tried_again_and_named_at_last(
    world: World, bucket: Any, settings: Any
) -> None:
    settings.AUDIT_EXPORT_TO = "s3://nowhere"
    row = ask(world)
    assert ship_due() == 1
    row.refresh_from_db()
    assert row.state == "waiting"
    assert "s3://nowhere/archipel" in row.fault
    for _ in range(2):
        AuditExport.objects.update(due_at=utcnow())
        assert ship_due() == 1
    row.refresh_from_db()
    assert (row.state, row.place) == ("failed", "")
    assert "s3://nowhere/archipel" in row.fault
    assert AuditEvent.objects.filter(action="audit.export.fail", tenant=world.archipel).count() == 1


def test_it_tells_how_far_it_is_and_keeps_its_lease_with_every_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PAGE", 2)
    leave(world, 12)
    row = ask(world, action="x.")
    seen: list[tuple[str, int]] = []

    def looking(lines: Iterator[str], **_: Any) -> str:
        seen.extend(AuditExport.objects.values_list("state", "rows").get() for _ in lines)
        return "somewhere"

    monkeypatch.setattr(shipping, "write_lines", looking)
    ship_due()
    assert seen == [("running", number // 2 * 2) for number in range(1, 7)]
    row.refresh_from_db()
    assert row.rows == 6


def test_one_whose_worker_died_is_begun_again_and_its_zombie_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ask(world)
    first = shipping.QUEUE.claim()
    assert first
    assert shipping.QUEUE.claim() is None
    AuditExport.objects.update(due_at=utcnow() - timedelta(seconds=1))
    assert ship_due() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("done", 2)
    with pytest.raises(OvertakenError):
        shipping.QUEUE.write(first, rows=99)


def test_one_that_kills_its_workers_ends_with_a_sentence(world: World) -> None:
    row = ask(world)
    AuditExport.objects.update(attempts=3, state="running", due_at=utcnow())
    ship_due()
    row.refresh_from_db()
    assert row.state == "failed"
    assert "operator" in row.fault


def test_asking_and_the_end_leave_rows_in_the_own_tenants_trail(world: World) -> None:
    row = ask(world, action="x.")
    ship_due()
    rows = AuditEvent.objects.filter(target_id=str(row.id), tenant=world.archipel).order_by("id")
    assert [(one.action, one.actor) for one in rows] == [
        ("audit.export", world.alice.actor.name),
        ("audit.export.finish", "system:audit"),
    ]


def test_who_may_not_see_the_trail_exports_nothing(world: World) -> None:
    for person in (world.vera,):
        with pytest.raises(Refused, match="audit"):
            ask_export(actor=person.actor, search=Search())
    assert not AuditExport.objects.exists()


def test_a_tenant_sees_its_own_exports_only(world: World) -> None:
    assert world.main.tenant == world.basalt
    row = ask(world)
    assert not visible_exports(world.bob.actor).exists()
    assert list(visible_exports(world.sam.actor)) == [row]


def test_only_a_few_wait_at_once(world: World) -> None:
    for _ in range(3):
        ask(world)
    with pytest.raises(Refused, match="wait already"):
        ask(world)
    ship_due()
    ask(world)


def test_without_a_place_it_says_how_else(world: World, settings: Any) -> None:
    settings.AUDIT_EXPORT_TO = ""
    with pytest.raises(Refused, match="download"):
        ask(world)


def test_a_period_that_is_too_long_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="92 days"):
        ask(world, since=utcnow() - timedelta(days=reading.LONGEST_EXPORT.days + 1))


@pytest.mark.parametrize("gives_up", [True, False])
def test_one_that_breaks_says_so_at_once_and_ends_with_its_last_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch, gives_up: bool
) -> None:
    def stumble(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    row = ask(world)
    monkeypatch.setattr(shipping, "write_lines", stumble)
    if not gives_up:
        monkeypatch.setattr(shipping, "_fail", stumble)
    for state in ("waiting", "waiting", "failed"):
        assert ship_due() == 1
        row.refresh_from_db()
        assert row.state == state
        assert "job_broke" in row.fault
        AuditExport.objects.update(due_at=utcnow())
    assert ship_due() == 0
