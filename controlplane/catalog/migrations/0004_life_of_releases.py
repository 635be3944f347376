"""Releases are published, reach their end of life or are withdrawn; what a published one holds still never changes.

What was loaded before is in force, so it counts as published.
"""

from django.db import migrations, models
from django.db.models import Q

FORWARD = """
UPDATE catalog_release SET published_at = now(), published_by = 'migration';
UPDATE catalog_channel SET declared = release_id;
"""

# Replaces the function that the first trigger calls: a draft is free, a published release keeps all but its life.
REPLACE = """
DROP TRIGGER catalog_release_never_changes ON catalog_release;
CREATE OR REPLACE FUNCTION catalog_release_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    life text[] := ARRAY['end_of_life', 'withdrawn_at', 'withdrawn_reason'];
BEGIN
    IF (to_jsonb(OLD) - life) IS DISTINCT FROM (to_jsonb(NEW) - life) THEN
        RAISE EXCEPTION 'release % is immutable; add a new release instead', OLD.key
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_release_never_changes
    BEFORE UPDATE ON catalog_release
    FOR EACH ROW WHEN (OLD.published_at IS NOT NULL AND OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION catalog_release_never_changes();
"""

BACKWARD = """
DROP TRIGGER catalog_release_never_changes ON catalog_release;
CREATE OR REPLACE FUNCTION catalog_release_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'release % is immutable; add a new release instead', OLD.key
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER catalog_release_never_changes
    BEFORE UPDATE ON catalog_release
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION catalog_release_never_changes();
"""


class Migration(migrations.Migration):
    """Columns of the life of a release, and of who said where a channel points."""

    dependencies = [("catalog", "0003_quota")]

    operations = [
        migrations.AddField("release", "known_issues", models.JSONField(db_default=[], default=list)),
        migrations.AddField("release", "requires", models.JSONField(db_default=[], default=list)),
        migrations.AddField("release", "published_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "release",
            "published_by",
            models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField("release", "end_of_life", models.DateField(null=True)),
        migrations.AddField("release", "withdrawn_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "release",
            "withdrawn_reason",
            models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            "channel", "declared", models.CharField(blank=True, db_default="", default="", max_length=31)
        ),
        migrations.RunSQL("ALTER TABLE catalog_release DISABLE TRIGGER catalog_release_never_changes", ""),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
        migrations.RunSQL("ALTER TABLE catalog_release ENABLE TRIGGER catalog_release_never_changes", ""),
        # Whoever runs it must be told why, and a draft is simply removed.
        migrations.AddConstraint(
            "release",
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_reason="")
                | (Q(withdrawn_at__isnull=False, published_at__isnull=False) & ~Q(withdrawn_reason="")),
                name="catalog_release_withdrawn_with_reason",
            ),
        ),
        migrations.RunSQL(REPLACE, BACKWARD),
    ]
