"""The roles themselves: who may log in as what, what they may write, and what happens where they can't be made."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from psycopg import errors

from controlplane.tenants.isolation.policies import AllowWeb, ProtectChildRows, ProtectTenantRows
from controlplane.tenants.isolation.roles import ALL, PLATFORM, WEB, RolesMissingError, ensure_roles
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.database_roles import acting_as
from tests.world import World

pytestmark = pytest.mark.django_db


def run(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize(
    "table",
    ["catalog_plan", "catalog_release", "catalog_content", "django_migrations", "tenants_auditevent"],
)
def test_no_process_rewrites_the_catalog_the_schema_or_the_audit_trail(role: str, table: str) -> None:
    with acting_as(role):
        assert run(f"SELECT count(*) >= 0 FROM {table}") == [(True,)]
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            run(f"DELETE FROM {table}")
    for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
        assert run(f"SELECT has_table_privilege('{role}', '{table}', '{right}')") == [(False,)]


@pytest.mark.parametrize("role", ALL)
def test_no_process_changes_the_schema_or_its_protection(role: str) -> None:
    with acting_as(role):
        for change in (
            "CREATE TABLE mine (id int)",
            "ALTER TABLE runtimes_runtime DISABLE ROW LEVEL SECURITY",
            "DROP POLICY own_tenant ON runtimes_runtime",
            "CREATE POLICY mine ON runtimes_runtime USING (true)",
        ):
            with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
                run(change)


def test_where_the_roles_can_not_be_made_one_error_says_what_to_do() -> None:
    run("CREATE ROLE nobody_in_particular; GRANT nobody_in_particular TO CURRENT_USER")
    with (
        acting_as("nobody_in_particular"),
        pytest.raises(RolesMissingError, match=r"deploy/roles\.sql"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        ensure_roles(cursor)


def test_a_role_that_would_bypass_the_policies_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.tenants.isolation.roles._UNSAFE", "SELECT unnest(%s::text[])")
    with connection.cursor() as cursor, pytest.raises(RolesMissingError, match="NOBYPASSRLS"):
        ensure_roles(cursor)


def test_a_protected_table_is_what_it_was_when_its_migration_is_reversed(world: World) -> None:
    run("CREATE TABLE probe_parent (id int PRIMARY KEY, tenant_id uuid)")
    run("CREATE TABLE probe_child (id int, parent_id int)")
    operations = [
        ProtectTenantRows("probe_parent"),
        ProtectChildRows("probe_child", "parent_id", parent="probe_parent"),
        AllowWeb("probe_parent", "of_nobody", "SELECT", "tenant_id IS NULL"),
    ]
    before = run(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname LIKE 'probe_%'"
    )
    run(f"INSERT INTO probe_parent VALUES (1, '{world.archipel.id}'), (2, '{world.basalt.id}'), (3, NULL)")
    run("INSERT INTO probe_child VALUES (10, 1), (20, 2), (30, 4)")
    with connection.schema_editor(atomic=False) as editor:
        for operation in operations:
            operation.database_forwards("tenants", editor, None, None)  # type: ignore[arg-type]
    with tenant_scope(world.basalt.id):
        assert run("SELECT id FROM probe_parent ORDER BY id") == [(2,), (3,)]
        assert run("SELECT id FROM probe_child WHERE parent_id <> 3 ORDER BY id") == [(20,)]
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            run("INSERT INTO probe_child VALUES (40, 1)")
    with connection.schema_editor(atomic=False) as editor:
        for operation in reversed(operations):
            operation.database_backwards("tenants", editor, None, None)  # type: ignore[arg-type]
    after = run(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname LIKE 'probe_%'"
    )
    assert sorted(after) == sorted(before)
    assert run("SELECT policyname FROM pg_policies WHERE tablename LIKE 'probe_%'") == []


@pytest.fixture
def as_web_login(world: World) -> Iterator[psycopg.Connection]:
    """A session that logged in as the web role, as in production."""
    parameters = connection.get_connection_params()
    options = {key: parameters[key] for key in ("host", "port", "dbname") if key in parameters}
    run(f"ALTER ROLE {WEB} LOGIN")
    try:
        with psycopg.connect(**options, user=WEB, autocommit=True) as link:
            yield link
    finally:
        run(f"ALTER ROLE {WEB} NOLOGIN")


@pytest.mark.django_db(transaction=True)
def test_who_logged_in_as_the_web_role_sees_one_tenant_and_can_not_become_more(
    world: World, as_web_login: psycopg.Connection
) -> None:
    assert world.shop.tenant == world.archipel
    assert world.main.tenant == world.basalt
    link = as_web_login
    look = "SELECT slug FROM tenants_account ORDER BY slug"
    assert link.execute(look).fetchall() == []
    with link.transaction():
        link.execute(f"SET LOCAL ROLE {WEB}; SET LOCAL nesoi.tenant_id = '{world.basalt.id}'")
        assert link.execute(look).fetchall() == [("main",)]
    assert link.execute(look).fetchall() == []
    with link.transaction():
        link.execute(f"SET LOCAL ROLE {PLATFORM}")
        assert link.execute(look).fetchall() == [("main",), ("shop",)]
    link.execute("RESET ROLE")
    assert link.execute(look).fetchall() == []
    with pytest.raises(errors.InsufficientPrivilege):
        link.execute("SET ROLE nesoi_worker")
