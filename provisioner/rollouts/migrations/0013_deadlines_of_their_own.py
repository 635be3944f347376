"""Since when a rollout stands still, what that took of each stage's time, and who may wait longer than its stage.

For a moment three tables are locked; no row is written. Deadlines that run go on as they did.
"""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '5s'"  # whoever waits for a lock holds up everybody behind it


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0012_windows_of_plans"),
    ]

    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="rollout",
            name="still_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="stage",
            name="stood_seconds",
            field=models.FloatField(db_default=0.0, default=0.0),
        ),
        migrations.AddField(
            model_name="target",
            name="longer_seconds",
            field=models.FloatField(db_default=0.0, default=0.0, null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="reason_before",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, PATIENCE),
    ]
