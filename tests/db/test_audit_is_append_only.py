"""What stands in the audit trail stays there, for every role of the database and its owner."""

from __future__ import annotations

import json

import pytest
from django.db import Error, connection, transaction

from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor
from controlplane.tenants.audit.writing import DENIED
from controlplane.tenants.models import AuditEvent
from tests.world import World

pytestmark = pytest.mark.django_db

TABLES = ("tenants_auditevent", "tenants_auditseal")


def refused(statement: str, role: str = "") -> str:
    """Run a statement that must fail; return what the database says."""
    with transaction.atomic(), connection.cursor() as cursor:
        if role:
            cursor.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(Error) as caught:
            cursor.execute(statement)
        transaction.set_rollback(True)
    return str(caught.value)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["UPDATE {} SET tenant_id = NULL", "DELETE FROM {}"])
def test_even_the_owner_changes_and_removes_nothing(table: str, verb: str) -> None:
    assert "append-only" in refused(verb.format(table))


@pytest.mark.parametrize(
    ("table", "trigger"), zip(TABLES, ("audit_events_stay", "audit_seals_stay"), strict=True)
)
def test_even_the_owner_empties_nothing(table: str, trigger: str) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")  # as it is outside of the tests
        assert "append-only" in refused(f"TRUNCATE {table}")
        transaction.set_rollback(True)


@pytest.mark.parametrize("role", ["nesoi_web", "nesoi_platform", "nesoi_worker"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["UPDATE {} SET tenant_id = NULL", "DELETE FROM {}", "TRUNCATE {}"])
def test_no_role_is_even_granted_it(table: str, verb: str, role: str) -> None:
    assert "permission denied" in refused(verb.format(table), role)


@pytest.mark.parametrize("role", ["nesoi_web", "nesoi_platform"])
def test_requests_seal_nothing(role: str) -> None:
    statement = "INSERT INTO tenants_auditseal (first_position) VALUES (1)"
    assert "permission denied" in refused(statement, role)


def test_a_row_says_who_did_what_to_what_for_whom_and_from_where(world: World) -> None:
    actor = Actor("token:ci", request_id="req-12345678", address="192.0.2.7", on_behalf_of="cf:user-1")
    changes = {"name": {"before": "Shop", "after": "Store"}}
    audit.record(
        "account.rename",
        actor=actor,
        tenant_id=world.archipel.id,
        target_type="account",
        target_id=world.shop.id,
        changes=changes,
    )
    row = AuditEvent.objects.get(action="account.rename")
    assert (row.actor, row.on_behalf_of, row.request_id, row.address) == (
        "token:ci",
        "cf:user-1",
        "req-12345678",
        "192.0.2.7",
    )
    assert (row.target_type, row.target_id, row.tenant_id) == (
        "account",
        str(world.shop.id),
        world.archipel.id,
    )
    assert (row.changes, row.outcome) == (changes, "done")


def test_secrets_are_masked_whatever_the_caller_thought(db: None) -> None:
    changes = {
        "client_secret": "s3cr3t-of-the-provider",
        "note": "use Bearer abcdefghijklmnop please",
        "nested": [{"password": {"before": "old-pw-1", "after": "new-pw-2"}}],
        "token": ["tok-in-a-list"],
    }
    audit.record("x.y", actor=SYSTEM, tenant_id=None, target_type="x", target_id=1, changes=changes)
    kept = json.dumps(AuditEvent.objects.get(action="x.y").changes)
    for secret in ("s3cr3t", "abcdefghijklmnop", "old-pw-1", "new-pw-2", "tok-in-a-list"):
        assert secret not in kept


def test_what_can_not_be_stored_does_not_stop_a_write(db: None) -> None:
    audit.record(
        "x.nul",
        actor=Actor("a\0b" * 100),
        tenant_id=None,
        target_type="x",
        target_id="y" * 200,
        changes={"text": "a\0b"},
        outcome=DENIED,
    )
    row = AuditEvent.objects.get(action="x.nul")
    assert (len(row.actor), len(row.target_id), row.changes, row.outcome) == (
        160,
        64,
        {"text": "ab"},
        "denied",
    )
