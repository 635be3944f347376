"""Marks days for footprints when the usage store has made them anew, and keeps the tables from tenants' writing.

The store takes its own marks away in the transaction that makes a day: what it takes away there is copied here, so no making is
missed and none is told before it is done. Days that are there already are marked once.
"""

from django.db import migrations

from billing.usage.protection import HideFromTenants
from controlplane.tenants.isolation.policies import ProtectTenantRows

# Today is made from its hours by nobody; its marks are told tomorrow, when its day is made.
MARK = """
CREATE FUNCTION footprint_mark_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO footprint_dirty (day, sources)
    SELECT day, sources FROM made WHERE day < (now() AT TIME ZONE 'UTC')::date;
    RETURN NULL;
END $$;
CREATE TRIGGER footprint_marks AFTER DELETE ON usage_dirty_day
    REFERENCING OLD TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION footprint_mark_days();
INSERT INTO footprint_dirty (day, sources)
SELECT day, array_agg(DISTINCT source) FROM usage_day_life WHERE day < (now() AT TIME ZONE 'UTC')::date GROUP BY day;
"""
BACK = """
DROP TRIGGER footprint_marks ON usage_dirty_day;
DROP FUNCTION footprint_mark_days;
"""
EVERY = "footprint_day, footprint_component_day, footprint_dirty"


class Migration(migrations.Migration):
    """Comes after the tables."""

    dependencies = [("footprint", "0001_initial"), ("usage", "0004_protection")]

    operations = [
        ProtectTenantRows("footprint_day"),
        HideFromTenants("footprint_component_day"),
        HideFromTenants("footprint_dirty"),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {EVERY} FROM nesoi_web",
            f"GRANT INSERT, UPDATE, DELETE ON {EVERY} TO nesoi_web",
        ),
        migrations.RunSQL(MARK, BACK),
    ]
