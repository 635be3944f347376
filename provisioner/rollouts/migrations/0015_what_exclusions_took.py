"""Which rows of what was put off exclusions took: of those that are there already all read as moved windows."""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '5s'"  # the table is locked for a moment; whoever waits for that holds up the next change


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0014_whose_exclusions"),
    ]

    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField("putoff", "excluded", models.BooleanField(db_default=False, default=False)),
        migrations.RunSQL(migrations.RunSQL.noop, PATIENCE),
    ]
