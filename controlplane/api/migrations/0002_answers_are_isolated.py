"""Kept answers belong to their token's tenant, and grow old whoever's they are."""

from django.db import migrations

from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants
from controlplane.tenants.isolation.policies import TENANT

# A subquery in the policy would be planned with every write that carries a key; a function is a third of that.
FORWARD = f"""
ALTER POLICY own_tenant ON api_idempotencyrecord
    USING (tenants_token_is_of(token_id, {TENANT})) WITH CHECK (tenants_token_is_of(token_id, {TENANT}))
"""
BACKWARD = """
ALTER POLICY own_tenant ON api_idempotencyrecord
    USING (EXISTS (SELECT FROM tenants_apitoken WHERE tenants_apitoken.id = api_idempotencyrecord.token_id))
    WITH CHECK (EXISTS (SELECT FROM tenants_apitoken WHERE tenants_apitoken.id = api_idempotencyrecord.token_id))
"""


class Migration(migrations.Migration):
    """Comes after row-level security of the answers."""

    dependencies = [("api", "0001_initial"), ("isolation", "0003_tables")]

    operations = [
        CreateFunctionAcrossTenants(
            "tenants_token_is_of(its_token uuid, its_tenant uuid)",
            "boolean",
            "SELECT EXISTS (SELECT FROM tenants_apitoken WHERE id = its_token AND tenant_id = its_tenant)",
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        # Two at a time, never the one that is about to be kept. Rides on idempotency_by_age.
        CreateFunctionAcrossTenants(
            "api_forget_old_answers(its_token uuid, its_key text)",
            "void",
            """
    DELETE FROM api_idempotencyrecord WHERE id IN (
        SELECT id FROM api_idempotencyrecord
        WHERE created_at < now() - interval '24 hours' AND (token_id, key) <> (its_token, its_key)
        ORDER BY created_at LIMIT 2 FOR UPDATE SKIP LOCKED
    )
""",
            writes=True,
        ),
    ]
