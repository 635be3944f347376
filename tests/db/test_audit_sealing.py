"""Every row of the trail is sealed once and in the order of commits, and whoever tampers with it is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction

from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.audit import sealing
from controlplane.tenants.audit.chain import read_links
from controlplane.tenants.audit.sealing import heads, rebase_clock, seal_new_rows
from controlplane.tenants.audit.verifying import Finding, Report, compare_heads, every_chain, of_chain, verify
from controlplane.tenants.models import AuditEvent, AuditSeal
from tests.settling import settle
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def leave(count: int = 1, *, tenant: UUID | None = None, action: str = "x.done") -> None:
    for number in range(count):
        audit.record(
            action, actor=SYSTEM, tenant_id=tenant, target_type="x", target_id=number, changes={"n": 1.5}
        )


def seal_settled(**limits: int) -> list[Any]:
    """Seal when nobody else's transaction, of another database even, holds the horizon back."""
    settle()
    return list(seal_new_rows(**limits))


def findings() -> list[Finding]:
    return list(verify(chains=every_chain(), report=Report()))


@contextmanager
def tampering() -> Iterator[Callable[..., None]]:
    """What somebody could do who owns the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_auditevent DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE tenants_auditseal DISABLE TRIGGER USER")
        yield cursor.execute
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tenants_auditevent ENABLE TRIGGER audit_event_stays")
        cursor.execute("ALTER TABLE tenants_auditseal ENABLE TRIGGER audit_seal_stays")


@pytest.fixture
def trail(world: World) -> World:
    """Two tenants and the platform, sealed in several batches."""
    for _ in range(3):
        leave(2, tenant=world.archipel.id)
        leave(1, tenant=world.basalt.id)
        leave(2)
        seal_settled(batch=3)
    return world


def sealed_ids() -> list[UUID]:
    return [
        row_id for seal in AuditSeal.objects.order_by("id") for row_id, _ in read_links(bytes(seal.links))
    ]


def test_every_row_is_sealed_once(trail: World) -> None:
    assert sorted(sealed_ids()) == sorted(AuditEvent.objects.values_list("id", flat=True))
    assert findings() == []


def test_positions_of_a_chain_have_no_gap(trail: World) -> None:
    for chain in every_chain():
        position = 0
        for seal in AuditSeal.objects.filter(of_chain(chain)).order_by("id"):
            assert seal.first_position == position + 1
            position = seal.last_position
        assert position == AuditEvent.objects.filter(of_chain(chain)).count()


def test_sealing_again_changes_nothing(trail: World) -> None:
    before = heads()
    assert seal_new_rows() == []
    assert heads() == before


def test_workers_may_seal(world: World) -> None:
    leave(2)
    settle()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE nesoi_worker")
        assert len(seal_new_rows()) >= 1
    assert findings() == []


def test_a_second_sealer_lets_the_first_one_work(world: World) -> None:
    leave(1)
    with psycopg.connect(**parameters()) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('nesoi.audit.sealing', 0))")
        assert seal_new_rows() == []
    assert len(seal_settled()) == 1


def parameters() -> dict[str, Any]:
    wanted = connection.get_connection_params()
    return {name: wanted[name] for name in ("dbname", "user", "host", "port", "password") if wanted.get(name)}


def test_a_row_that_commits_late_is_not_skipped(world: World) -> None:
    seal_settled()
    with psycopg.connect(**parameters()) as slow:
        slow.execute(
            "INSERT INTO tenants_auditevent (id, at, actor, action, target_type, target_id, changes, request_id, address)"
            " VALUES (%s, now(), 'slow', 'x.slow', 'x', '1', '{}', '', '')",
            [UUID(int=1)],  # drawn long before the others
        )
        leave(2, action="x.quick")
        seal_new_rows()
        assert UUID(int=1) not in sealed_ids()
        slow.commit()
    seal_settled()
    assert sorted(sealed_ids()) == sorted(AuditEvent.objects.values_list("id", flat=True))
    assert findings() == []


def test_a_row_that_was_rolled_back_leaves_no_hole(world: World) -> None:
    with transaction.atomic():
        leave(1, action="x.undone")
        transaction.set_rollback(True)
    leave(1)
    seal_settled()
    assert findings() == []


def test_a_changed_row_is_named(trail: World) -> None:
    row = AuditEvent.objects.filter(tenant=trail.archipel, action="x.done").order_by("id")[2]
    for column, value in (
        ("actor", "mallory"),
        ("changes", '{"n": 2}'),
        ("at", "2020-01-01"),
        ("outcome", "denied"),
    ):
        with tampering() as execute:
            execute("SAVEPOINT before")
            execute(f"UPDATE tenants_auditevent SET {column} = %s WHERE id = %s", [value, row.id])
            found = findings()
            execute("ROLLBACK TO before")
        assert [(one.what, one.row, one.chain) for one in found] == [
            ("changed", str(row.id), str(trail.archipel.id))
        ], column


def test_a_removed_row_is_named(trail: World) -> None:
    row = AuditEvent.objects.filter(tenant=trail.basalt, action="x.done").first()
    assert row is not None
    with tampering() as execute:
        execute("DELETE FROM tenants_auditevent WHERE id = %s", [row.id])
    assert [(one.what, one.row) for one in findings()] == [("removed", str(row.id))]


def test_a_row_inserted_into_the_past_is_named(trail: World) -> None:
    row_id = uuid4()
    first = AuditEvent.objects.order_by("tx", "id").first()
    assert first is not None
    with tampering() as execute:
        execute(
            "INSERT INTO tenants_auditevent"
            " (id, tenant_id, at, actor, action, target_type, target_id, changes, request_id, address, tx)"
            " VALUES (%s, %s, now(), 'x', 'x.forged', 'x', '1', '{}', '', '', %s)",
            [row_id, trail.basalt.id, first.tx],
        )
    assert [(one.what, one.row) for one in findings()] == [("inserted", str(row_id))]


def test_a_row_moved_to_another_tenant_is_missed_here_and_strange_there(trail: World) -> None:
    row = AuditEvent.objects.filter(tenant=trail.archipel).order_by("id").first()
    assert row is not None
    with tampering() as execute:
        execute("UPDATE tenants_auditevent SET tenant_id = %s WHERE id = %s", [trail.basalt.id, row.id])
    assert sorted((one.what, one.chain) for one in findings()) == sorted(
        [("removed", str(trail.archipel.id)), ("inserted", str(trail.basalt.id))]
    )


def test_a_seal_made_to_fit_a_forged_row_breaks_the_chain(trail: World) -> None:
    seal = AuditSeal.objects.filter(tenant=trail.archipel).order_by("id").first()
    assert seal is not None
    with tampering() as execute:
        execute("UPDATE tenants_auditseal SET links = set_byte(links, 20, 0) WHERE id = %s", [seal.id])
    assert "broken" in {one.what for one in findings()}


def test_a_seal_taken_out_of_the_middle_breaks_the_chain(trail: World) -> None:
    seal = AuditSeal.objects.filter(tenant=trail.archipel).order_by("id")[1]
    with tampering() as execute:
        execute("DELETE FROM tenants_auditseal WHERE id = %s", [seal.id])
    assert "broken" in {one.what for one in findings()}


def test_a_trail_that_lost_its_end_is_found_out_by_a_head_kept_elsewhere(trail: World) -> None:
    kept = heads()
    assert list(compare_heads(kept)) == []
    with tampering() as execute:
        execute("DELETE FROM tenants_auditseal WHERE id > (SELECT min(id) FROM tenants_auditseal)")
        execute(
            "DELETE FROM tenants_auditevent WHERE (tx, id) > (SELECT until_tx, until_id FROM tenants_auditseal)"
        )
    assert {one.what for one in compare_heads(kept)} == {"cut"}


def test_a_restored_dump_goes_on_behind_the_trail(trail: World, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[str] = []
    monkeypatch.setattr(sealing.log, "error", lambda text, **_: complaints.append(text))
    with tampering() as execute:
        execute("UPDATE tenants_auditevent SET tx = tx + 1000000")
        execute("UPDATE tenants_auditseal SET until_tx = until_tx + 1000000")
    leave(1, action="x.after")
    seal_new_rows()
    assert complaints
    try:
        assert rebase_clock() > 0
        assert rebase_clock() == 0
        leave(1, action="x.later")
        seal_settled()
        later = AuditEvent.objects.get(action="x.later")
        assert later.id in sealed_ids()
    finally:
        with connection.cursor() as cursor:
            for name, counted in (
                ("tx", "pg_current_xact_id()"),
                ("horizon", "pg_snapshot_xmin(pg_current_snapshot())"),
            ):
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION tenants_audit_{name}() RETURNS bigint LANGUAGE sql VOLATILE "
                    f"AS $$ SELECT {counted}::text::bigint + 0 $$"
                )
