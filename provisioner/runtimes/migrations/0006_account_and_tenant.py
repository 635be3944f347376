"""Holds a runtime's tenant to its account's, so that a runtime that begins while its account moves stays with neither alone."""

from django.db import migrations

# Immediate, so that whoever creates a runtime hears of it at once; the move defers it. Not validated while the table is locked.
ADD = """
ALTER TABLE runtimes_runtime ADD CONSTRAINT runtime_in_its_accounts_tenant
    FOREIGN KEY (account_id, tenant_id) REFERENCES tenants_account (id, tenant_id) DEFERRABLE INITIALLY IMMEDIATE NOT VALID
"""
DROP = "ALTER TABLE runtimes_runtime DROP CONSTRAINT runtime_in_its_accounts_tenant"


class Migration(migrations.Migration):
    """In two transactions: validating waits for nobody."""

    atomic = False

    dependencies = [("runtimes", "0005_count_what_is_there"), ("tenants", "0005_account_and_tenant")]

    operations = [
        migrations.RunSQL(ADD, DROP),
        migrations.RunSQL(
            "ALTER TABLE runtimes_runtime VALIDATE CONSTRAINT runtime_in_its_accounts_tenant",
            migrations.RunSQL.noop,
        ),
    ]
