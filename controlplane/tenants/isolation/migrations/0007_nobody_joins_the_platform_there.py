"""Who registers in a tenant's scope, or in nobody's, is not one of the platform's team; later, column rights see to it."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION tenants_refuse_platform_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied: only the platform''s scope makes one of its team';
END $$;
CREATE TRIGGER tenants_user_of_the_platform BEFORE INSERT ON tenants_user FOR EACH ROW
    WHEN (current_user = 'nesoi_web' AND (NEW.platform_role <> '' OR NEW.is_superuser OR NEW.is_staff))
    EXECUTE FUNCTION tenants_refuse_platform_role();
"""
ALLOW = """
DROP TRIGGER tenants_user_of_the_platform ON tenants_user;
DROP FUNCTION tenants_refuse_platform_role();
"""


class Migration(migrations.Migration):
    """A trigger; the table is locked for a moment."""

    dependencies = [("isolation", "0006_own_things_only"), ("tenants", "0001_initial")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
