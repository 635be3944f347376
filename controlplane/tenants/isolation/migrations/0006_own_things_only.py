"""A tenant's row names the tenant's own things only, and what is agreed with a tenant the tenant doesn't write.

For a moment each table is locked; no row is written.
"""

from django.db import migrations

from controlplane.tenants.isolation.policies import RefuseForeign

NAMING = (
    ("lifecycle_expiry", "runtime_id", "runtimes_runtime"),
    ("lifecycle_standing", "account_id", "tenants_account"),
    ("notices_webhook_delivery", "webhook_id", "notices_webhook"),
    ("operations_operation", "runtime_id", "runtimes_runtime"),
    ("operations_operationattempt", "operation_id", "operations_operation"),
    ("osb_osbbinding", "instance_id", "osb_osbinstance"),
    ("osb_osbinstance", "operation_id", "operations_operation"),
    ("osb_osbinstance", "runtime_id", "runtimes_runtime"),
    ("rollouts_exclusion", "runtime_id", "runtimes_runtime"),
    ("rollouts_maintenancewindow", "runtime_id", "runtimes_runtime"),
    ("tenants_accountmove", "account_id", "tenants_account"),
    ("tenants_apitoken", "service_account_id", "tenants_serviceaccount"),
    ("trials_trial", "runtime_id", "runtimes_runtime"),
)
AGREED = "books_commitment, books_contract, books_creditdraw, books_creditgrant"
WRITES = "INSERT, UPDATE, DELETE"


class Migration(migrations.Migration):
    """Policies and rights only; comes after the tables that it names."""

    dependencies = [
        ("isolation", "0005_the_platforms_own"),
        ("books", "0005_what_if"),
        ("catalog", "0005_sres_publish"),
        ("lifecycle", "0002_expiry"),
        ("notices", "0004_platform_webhooks"),
        ("operations", "0005_ended_of_tenant"),
        ("osb", "0003_roles_in_kubernetes_words"),
        ("rollouts", "0005_whose_targets"),
        ("runtimes", "0008_fleet_counts"),
        ("tenants", "0007_audit_export"),
        ("trials", "0004_rules_end"),
    ]

    operations = [
        *(RefuseForeign(*named) for named in NAMING),
        migrations.RunSQL(
            f"REVOKE {WRITES} ON {AGREED} FROM nesoi_web", f"GRANT {WRITES} ON {AGREED} TO nesoi_web"
        ),
        # A trial's own grants go when its owner takes a paid plan; none is made or raised by a tenant.
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE ON catalog_entitlement FROM nesoi_web",
            "GRANT INSERT, UPDATE ON catalog_entitlement TO nesoi_web",
        ),
    ]
