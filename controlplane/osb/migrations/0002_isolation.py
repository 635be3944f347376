"""Shows the broker's rows to their tenants only, and lets a secret be looked up before its tenant is known."""

from django.db import migrations

from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants
from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """Needs the broker's tables and the roles."""

    dependencies = [("osb", "0001_initial"), ("isolation", "0001_roles"), ("tenants", "0001_initial")]

    operations = [
        ProtectTenantRows("osb_brokercredential"),
        ProtectTenantRows("osb_brokerorganization"),
        ProtectTenantRows("osb_osbinstance"),
        ProtectTenantRows("osb_osbbinding"),
        # Answers for one digest only, the present one or, until its time is over, the one before.
        CreateFunctionAcrossTenants(
            "osb_bearer(wanted bytea)",
            "TABLE (credential osb_brokercredential, tenant tenants_tenant) ROWS 1",
            """
    SELECT credential, tenant FROM osb_brokercredential AS credential
    LEFT JOIN tenants_tenant AS tenant ON tenant.id = credential.tenant_id
    WHERE credential.digest = wanted
        OR (credential.previous_digest = wanted AND credential.previous_until > clock_timestamp())
""",
        ),
    ]
