"""Puts the tables that stood before under row-level security; newer ones are protected where they are made."""

from django.db import migrations

from controlplane.tenants.isolation.policies import PERSON, AllowWeb, ProtectChildRows, ProtectTenantRows


class Migration(migrations.Migration):
    """Comes after every table that it names."""

    dependencies = [
        ("isolation", "0002_functions"),
        ("tenants", "0001_initial"),
        ("runtimes", "0001_initial"),
        ("operations", "0001_initial"),
        ("api", "0001_initial"),
    ]

    operations = [
        ProtectTenantRows("tenants_tenant", tenant_column="id"),
        ProtectTenantRows("tenants_account"),
        ProtectTenantRows("tenants_member"),
        ProtectTenantRows("tenants_apitoken"),
        ProtectTenantRows("tenants_auditevent"),
        ProtectTenantRows("runtimes_runtime"),
        ProtectTenantRows("operations_operation"),
        ProtectTenantRows("operations_operationattempt"),
        ProtectChildRows("api_idempotencyrecord", "token_id", parent="tenants_apitoken"),
        # Which tenants a person belongs to is asked before one of them is chosen.
        AllowWeb("tenants_member", "own_memberships", "SELECT", f"user_id = {PERSON}"),
        AllowWeb(
            "tenants_tenant",
            "tenants_of_memberships",
            "SELECT",
            f"{PERSON} IS NOT NULL AND tenants_has_member(id, {PERSON})",
        ),
        # What nobody's tenant is concerned with leaves its trace too: a refused sign-in, a wrong token.
        AllowWeb("tenants_auditevent", "traces_of_no_tenant", "INSERT", "tenant_id IS NULL"),
    ]
