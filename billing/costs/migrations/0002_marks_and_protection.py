"""Who sees what, and the triggers that note which finished days came out different.

A row a statement, appended: days are made in batches, and nobody who makes them waits for anybody who looks at them.
"""

from django.db import migrations

from billing.usage.protection import HideFromTenants
from controlplane.tenants.isolation.policies import ProtectTenantRows

OF_TENANTS = ("costs_budget", "costs_budget_month", "costs_budget_alert", "costs_anomaly")
WRITTEN_BY_TASKS = "costs_budget_month, costs_budget_alert, costs_dirty_day"

MARK = """
CREATE FUNCTION costs_mark_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO costs_dirty_day (day, sources) SELECT day, array_agg(DISTINCT source) FROM changed GROUP BY day;
    RETURN NULL;
END $$;
CREATE TRIGGER costs_days_made AFTER INSERT ON usage_day
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION costs_mark_days();
CREATE TRIGGER costs_days_changed AFTER UPDATE ON usage_day
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION costs_mark_days();
CREATE TRIGGER costs_days_gone AFTER DELETE ON usage_day
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION costs_mark_days();
"""
BACK = """
DROP TRIGGER costs_days_gone ON usage_day;
DROP TRIGGER costs_days_changed ON usage_day;
DROP TRIGGER costs_days_made ON usage_day;
DROP FUNCTION costs_mark_days;
"""


class Migration(migrations.Migration):
    """The days' table is locked for a moment."""

    dependencies = [("costs", "0001_initial"), ("usage", "0004_protection")]

    operations = [
        *(ProtectTenantRows(table) for table in OF_TENANTS),
        HideFromTenants("costs_dirty_day"),
        # How a budget stands is not for its people to say.
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE ON {WRITTEN_BY_TASKS} FROM nesoi_web; REVOKE INSERT, DELETE ON costs_anomaly FROM nesoi_web",
            f"GRANT INSERT, UPDATE ON {WRITTEN_BY_TASKS} TO nesoi_web; GRANT INSERT, DELETE ON costs_anomaly TO nesoi_web",
        ),
        migrations.RunSQL(MARK, BACK),
    ]
