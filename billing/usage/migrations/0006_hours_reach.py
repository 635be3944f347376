"""Makes the plain table of hours ready to become a partition: says how far it reaches, and indexes its gaps.

Not atomic: rows are looked at while everybody reads and writes.
"""

from django.db import migrations

# The month after next: no hour of it is made before this migration's successor has run.
BOUND = """
DO $$ BEGIN
    EXECUTE format('ALTER TABLE usage_hour ADD CONSTRAINT usage_hour_before CHECK (hour < %L::timestamptz) NOT VALID',
        (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months') AT TIME ZONE 'UTC');
END $$
"""
LOOK = "ALTER TABLE usage_hour VALIDATE CONSTRAINT usage_hour_before"
# Few hours have gaps, and each that changes looks for them in its neighbours.
GAPS = """
CREATE INDEX CONCURRENTLY usage_hour_gaps ON usage_hour (hour, source) WHERE shape = 0 OR inferred_seconds > 0
"""
NO_GAPS = "DROP INDEX IF EXISTS usage_hour_gaps"
BACK = "ALTER TABLE usage_hour DROP CONSTRAINT IF EXISTS usage_hour_before"


class Migration(migrations.Migration):
    """A constraint and an index, without a wait."""

    atomic = False
    dependencies = [("usage", "0005_deciding")]

    operations = [
        migrations.RunSQL([BACK, BOUND], BACK),
        migrations.RunSQL(LOOK, migrations.RunSQL.noop),
        migrations.RunSQL([NO_GAPS, GAPS], NO_GAPS),
        # Lists of numbers shrink little, and packing them takes as long as all the rest of writing a row.
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ALTER COLUMN sources SET STORAGE EXTERNAL",
                f"ALTER TABLE {table} ALTER COLUMN sources SET STORAGE EXTENDED",
            )
            for table in ("usage_dirty", "usage_dirty_day")
        ),
    ]
