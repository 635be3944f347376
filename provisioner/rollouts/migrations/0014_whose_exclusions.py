"""Which exclusions of a tenant the platform's team set for it; of those that are there already all count as the tenant's own."""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '5s'"  # the table is locked for a moment; whoever waits for that holds up the next look


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0013_deadlines_of_their_own"),
    ]

    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField("exclusion", "by_platform", models.BooleanField(db_default=False, default=False)),
        migrations.RunSQL(migrations.RunSQL.noop, PATIENCE),
    ]
