"""A tenant's scope renames the tenant and its accounts; whether they are suspended and what they may order it doesn't write."""

from django.db import migrations

WRITES = "INSERT, UPDATE, DELETE"
KEPT = "UPDATE, DELETE"


class Migration(migrations.Migration):
    """Rights only; no row is written.

    While processes of before still run, a tenant's own people can't suspend, resume or convert for that moment; nothing is lost.
    """

    dependencies = [
        ("isolation", "0007_nobody_joins_the_platform_there"),
        ("catalog", "0005_sres_publish"),
        ("tenants", "0007_audit_export"),
    ]

    operations = [
        migrations.RunSQL(
            f"REVOKE {WRITES} ON tenants_tenant FROM nesoi_web; GRANT UPDATE (name) ON tenants_tenant TO nesoi_web",
            f"REVOKE UPDATE (name) ON tenants_tenant FROM nesoi_web; GRANT {WRITES} ON tenants_tenant TO nesoi_web",
        ),
        migrations.RunSQL(
            f"REVOKE {KEPT} ON tenants_account FROM nesoi_web; GRANT UPDATE (name) ON tenants_account TO nesoi_web",
            f"REVOKE UPDATE (name) ON tenants_account FROM nesoi_web; GRANT {KEPT} ON tenants_account TO nesoi_web",
        ),
        migrations.RunSQL(
            "REVOKE DELETE ON catalog_entitlement FROM nesoi_web",
            "GRANT DELETE ON catalog_entitlement TO nesoi_web",
        ),
    ]
