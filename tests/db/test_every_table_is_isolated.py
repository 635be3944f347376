"""No table is forgotten: each is protected, or stands here with the reason why it need not be."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

from controlplane.tenants.isolation.policies import EVERY, OWN
from controlplane.tenants.models import TenantOwned

pytestmark = pytest.mark.django_db

NOBODYS = {
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
    **dict.fromkeys(
        (
            "rollouts_rollout", "rollouts_stage", "rollouts_gate", "rollouts_approval", "rollouts_lane", "rollouts_tally",
            "rollouts_target", "rollouts_healthpoint", "rollouts_emergencystop", "rollouts_waiver",
        ),
        "the platform's campaigns over every tenant's runtimes; what a tenant sees of them goes through a service",
    ),
    **dict.fromkeys(
        ("books_pricebook", "books_priceproposal", "books_planprices", "books_exchangerate"),
        "the platform's prices, the same for every tenant",
    ),
    **dict.fromkeys(
        ("exports_billplace", "exports_focusexport", "exports_providerbill", "exports_providercost"),
        "the platform's: what it exports of everybody, and what its providers bill",
    ),
    **dict.fromkeys(
        (
            "catalog_channel", "catalog_kubernetesversion", "catalog_machinetype", "catalog_module", "catalog_plan",
            "catalog_region", "catalog_release", "catalog_revision",
        ),
        "the same for every tenant",
    ),
}  # fmt: skip

# Forced policies hold for the owner too; a table without any shows nothing to the three roles.
PROTECTION = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
    ARRAY(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid)
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace
"""
WITH_TENANT = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
    AND c.relnamespace = current_schema()::regnamespace
"""


def protected() -> dict[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute(PROTECTION)
        return {table: forced and {OWN, EVERY} <= set(found) for table, forced, found in cursor.fetchall()}


def test_every_table_is_protected_or_is_nobodys() -> None:
    open_tables = {table for table, is_protected in protected().items() if not is_protected}
    assert open_tables == set(NOBODYS), "add ProtectTenantRows to the migration that makes the table"


def test_a_table_with_a_tenant_is_never_nobodys() -> None:
    with connection.cursor() as cursor:
        cursor.execute(WITH_TENANT)
        tables = {row[0] for row in cursor.fetchall()}
    models = {model._meta.db_table for model in apps.get_models() if issubclass(model, TenantOwned)}
    assert {"runtimes_runtime", "tenants_auditevent"} < tables | models
    assert not (tables | models) & set(NOBODYS)


def test_a_policy_never_lets_the_web_role_see_everything() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, policyname FROM pg_policies"
            " WHERE 'nesoi_web' = ANY(roles) AND 'true' IN (qual, with_check) OR 'public' = ANY(roles)"
        )
        assert cursor.fetchall() == []


def test_no_role_of_the_product_may_bypass_the_policies() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'nesoi\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole)"
        )
        assert cursor.fetchall() == []
