"""What must be found before anybody's tenant is known: who a bearer token speaks for."""

from django.db import migrations

# SECURITY DEFINER: it runs as the owner, who sees every tenant, and answers for one digest only. Whole rows, so that a new
# column needs no new function. The path is pinned, so that nobody's table of the same name can stand in for ours.
FORWARD = """
CREATE FUNCTION tenants_bearer(wanted bytea)
    RETURNS TABLE (token tenants_apitoken, tenant tenants_tenant)
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
    AS $$
    SELECT token, tenant FROM tenants_apitoken AS token LEFT JOIN tenants_tenant AS tenant ON tenant.id = token.tenant_id
    WHERE token.digest = wanted
    $$;
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION tenants_bearer(bytea) SET search_path = pg_catalog, %I, pg_temp', current_schema());
END $$;
REVOKE ALL ON FUNCTION tenants_bearer(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenants_bearer(bytea) TO nesoi_web, nesoi_platform, nesoi_worker;
"""

BACKWARD = "DROP FUNCTION tenants_bearer(bytea)"


class Migration(migrations.Migration):
    """Needs the tables of tokens and tenants."""

    dependencies = [("isolation", "0001_roles"), ("tenants", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
