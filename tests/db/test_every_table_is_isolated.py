"""No table is forgotten: each is protected or closed to tenants, or stands here with the reason why it need not be."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from controlplane.tenants.isolation.policies import EVERY, OWN
from controlplane.tenants.models import TenantOwned

pytestmark = pytest.mark.django_db

# What the web role reads whoever asks; nothing in it is a tenant's.
OPEN = {
    "django_migrations": "the schema's own history",
    "django_content_type": "names of models",
    "django_session": "found by a random key that only the person's browser has, before anybody is known",
    "auth_group": "not used: roles are columns",
    "auth_group_permissions": "not used",
    "auth_permission": "not used",
    "tenants_user": "a person may belong to several tenants, and signs in before one of them is known",
    "tenants_user_groups": "not used",
    "tenants_user_user_permissions": "not used",
    "identity_usersession": "a person's, like the session itself: found by the digest of its random key",
    "console_submission": "a person's, not a tenant's: a random key and an address of the console",
    "notices_mail": "the demo's mailbox: no other installation has rows in it",
    "landscapes_landscape": "the platform's: every tenant's runtimes are built there",
    "rollouts_rollout": "of a campaign only where it goes and whether it does: id, release and state",
    **dict.fromkeys(
        ("books_pricebook", "books_planprices", "books_exchangerate"), "prices, the same for every tenant"
    ),
    **dict.fromkeys(
        (
            "catalog_channel", "catalog_kubernetesversion", "catalog_machinetype", "catalog_module", "catalog_plan",
            "catalog_region", "catalog_release", "catalog_revision", "catalog_moduleversion", "catalog_content",
        ),
        "the same for every tenant",
    ),
}  # fmt: skip
ANYTHING = "anything"
# And what it writes of that. Everything else of it is written by the platform's team, the workers or the owner.
WRITTEN = {
    "django_session": {ANYTHING},
    "identity_usersession": {ANYTHING},
    "console_submission": {ANYTHING},
    "tenants_user": {"insert", "password", "last_login"},
    "landscapes_landscape": {
        "tokens", "tokens_at", "breaker", "breaker_faults", "breaker_until", "breaker_opened_at", "breaker_reason",
    },
}  # fmt: skip
# Open, though a column leads to something of a tenant's.
NAMING = {"identity_usersession": "the provider that signed the person in, and may sign the person out again"}

# Tables with what PostgreSQL grants the web role of them, a column at a time too. Forced policies hold for the owner as well.
TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
        AND ARRAY(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid) @> %s,
    has_any_column_privilege('nesoi_web', c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege('nesoi_web', c.oid, 'DELETE')
FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
"""
WRITES = """
SELECT c.relname, has_any_column_privilege('nesoi_web', c.oid, 'INSERT'), has_table_privilege('nesoi_web', c.oid, 'DELETE'),
    has_table_privilege('nesoi_web', c.oid, 'UPDATE'),
    ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped
          AND has_column_privilege('nesoi_web', c.oid, attnum, 'UPDATE'))
FROM pg_class c WHERE c.relname = ANY(%s) AND c.relnamespace = current_schema()::regnamespace
"""
COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
"""
REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""
# However a column is typed, and whether or not a foreign key says so.
A_TENANTS_THING = re.compile(
    r"(^|_)(tenant|account|member|runtime|operation|statement|trial)s?(_id|_ids|_key|_slug)?$"
)


def asked(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def open_tables() -> set[str]:
    """Tables that the web role may do something with, whoever asks: no policy narrows it."""
    found = asked(TABLES, [OWN, EVERY])
    return {table for table, protected, granted in found if granted and not protected}


def naming_tables() -> set[str]:
    """Open tables that lead to something of a tenant's: by a column's name, or by a foreign key to a protected table."""
    free = open_tables()
    columns = {table for table, column in asked(COLUMNS) if A_TENANTS_THING.search(column)}
    return free & (columns | {table for table, target in asked(REFERENCES) if target not in free})


def written(table: str, insert: bool, delete: bool, update: bool, columns: list[str]) -> set[str]:
    if insert and delete and update:
        return {ANYTHING}
    return {what for what, granted in (("insert", insert), ("delete", delete)) if granted} | set(columns)


def test_every_table_is_protected_or_closed_or_is_nobodys() -> None:
    assert open_tables() == set(OPEN), "add ProtectTenantRows or revoke what tenants need not"


def test_what_names_a_tenants_thing_is_never_nobodys() -> None:
    assert naming_tables() == set(NAMING), "add ProtectTenantRows to the migration that makes the table"


def test_a_tenants_scope_writes_next_to_nothing_of_what_is_nobodys() -> None:
    found = {table: written(table, *rights) for table, *rights in asked(WRITES, list(OPEN))}
    assert {table: what for table, what in found.items() if what} == WRITTEN


@pytest.mark.parametrize(
    "columns",
    [
        "tenant_id uuid",
        "runtime uuid",
        "owner_account varchar(20)",
        "operation_id uuid REFERENCES operations_operation",
        "statements uuid[]",
        "upgraded uuid REFERENCES runtimes_runtime",
        "target uuid REFERENCES rollouts_target",
    ],
)
def test_a_new_table_that_names_a_tenants_thing_is_found(columns: str) -> None:
    asked(f"CREATE TABLE probe (id int, {columns})")
    assert naming_tables() - set(NAMING) == open_tables() - set(OPEN) == {"probe"}
    asked("REVOKE ALL ON probe FROM nesoi_web")
    assert "probe" not in open_tables()


def test_a_tenants_models_are_all_protected() -> None:
    models = {model._meta.db_table for model in apps.get_models() if issubclass(model, TenantOwned)}
    assert {"runtimes_runtime", "osb_osbinstance"} < models
    assert not models & open_tables()


def test_a_policy_never_lets_the_web_role_see_everything() -> None:
    assert not asked(
        "SELECT tablename, policyname FROM pg_policies"
        " WHERE 'nesoi_web' = ANY(roles) AND 'true' IN (qual, with_check) OR 'public' = ANY(roles)"
    )


def test_no_role_of_the_product_may_bypass_the_policies() -> None:
    assert not asked(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'nesoi\\_%%' AND (rolsuper OR rolbypassrls OR rolcreaterole)"
    )
