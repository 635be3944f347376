"""What must be found before a tenant is chosen: who a bearer token speaks for, and where a person belongs."""

from django.db import migrations

from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants


class Migration(migrations.Migration):
    """Needs the tables of tokens, tenants and members."""

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
        ),
        # In a policy, a function costs nothing until it is asked; a subquery would be planned with every look at a tenant.
        CreateFunctionAcrossTenants(
            "tenants_has_member(its_tenant uuid, its_user uuid)",
            "boolean",
            "SELECT EXISTS (SELECT FROM tenants_member WHERE tenant_id = its_tenant AND user_id = its_user)",
        ),
    ]
