"""The migrations that pack samples and hours go back and forth: nothing is lost, and no tenant may do more at either end."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.state import ProjectState

from billing.usage import hours
from controlplane.tenants.isolation.roles import WEB
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.database_roles import acting_as
from tests.usage import HOUR, OTHER, TENANT, begin, live, morning, send, sight, slots

pytestmark = pytest.mark.django_db
TEN = morning()
# Those that change what is in the database, and not only Django's picture of it or a column.
NAMES = (
    "0010_slots_in_blocks",
    "0011_hours_in_blocks",
    "0013_hours_for_members",
    "0014_partitions_and_batches",
    "0015_hours_are_accounted_for",
    "0016_every_hour_is_accounted_for",
)
RIGHTS = """
SELECT c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, array_agg(p ORDER BY p)
FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
WHERE c.relname ~ '^usage_(slot|sample|hour)' AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege('nesoi_web', c.oid, p)
GROUP BY c.oid ORDER BY 1
"""
FUNCTIONS = """
SELECT proname, pg_get_functiondef(oid), proacl::text FROM pg_proc
WHERE proname ~ '^usage_' AND proname <> 'usage_sum' AND pronamespace = current_schema()::regnamespace ORDER BY 1
"""
SEEN = "SELECT hour, source, observed_seconds, revision FROM usage_hour ORDER BY 1, 2"


def answered(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def go(*, back: bool) -> None:
    state = ProjectState()
    with connection.schema_editor(atomic=False) as editor:
        for name in sorted(NAMES, reverse=back):
            operations = import_module(f"billing.usage.migrations.{name}").Migration.operations
            for operation in reversed(operations) if back else operations:
                move = operation.database_backwards if back else operation.database_forwards
                move("usage", editor, state, state)


def test_no_tenant_reads_or_writes_more_after_the_way_back_nor_after_the_way_forth() -> None:
    begin(TEN)
    own = live(TEN - HOUR)
    send([sight(each, slot) for each in (own, live(TEN - HOUR, tenant=OTHER)) for slot in slots(TEN, 12)])
    hours.roll_up()
    whole = (answered(RIGHTS), answered(FUNCTIONS), answered(SEEN))
    go(back=True)
    assert {row[0]: (row[1], row[4]) for row in answered(RIGHTS)} == {
        "usage_hour": ("p", ["SELECT"]),
        "usage_sample": ("p", ["SELECT"]),
    }
    assert all(row[2] and row[3] for row in answered(RIGHTS))
    assert answered(SEEN) == whole[2]
    with acting_as(WEB), tenant_scope(TENANT):
        assert answered("SELECT DISTINCT source FROM usage_hour") == [(own.id,)]
        assert answered("SELECT count(*) FROM usage_sample") == [(0,)]
        for table in ("usage_hour", "usage_sample"):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                answered(f"DELETE FROM {table}")
    go(back=False)
    assert (answered(RIGHTS), answered(FUNCTIONS), answered(SEEN)) == whole
