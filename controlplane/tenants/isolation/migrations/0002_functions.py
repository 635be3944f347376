"""What must be found before anybody's tenant is known: who a bearer token speaks for."""

from django.db import migrations

from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants


class Migration(migrations.Migration):
    """Needs the tables of tokens and tenants."""

    dependencies = [("isolation", "0001_roles"), ("tenants", "0001_initial")]

    operations = [
        # Answers for one digest only. Whole rows, so that a new column needs no new function.
        CreateFunctionAcrossTenants(
            "tenants_bearer(wanted bytea)",
            "TABLE (token tenants_apitoken, tenant tenants_tenant) ROWS 1",
            """
    SELECT token, tenant FROM tenants_apitoken AS token LEFT JOIN tenants_tenant AS tenant ON tenant.id = token.tenant_id
    WHERE token.digest = wanted
""",
        )
    ]
