"""A release is a promise to whoever runs it: PostgreSQL itself refuses to change one."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION catalog_release_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'release % is immutable; add a new release instead', OLD.key
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER catalog_release_never_changes
    BEFORE UPDATE ON catalog_release
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION catalog_release_never_changes();
"""

BACKWARD = """
DROP TRIGGER catalog_release_never_changes ON catalog_release;
DROP FUNCTION catalog_release_never_changes();
"""


class Migration(migrations.Migration):
    """Adds the trigger after the tables exist."""

    dependencies = [("catalog", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
