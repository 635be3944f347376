"""Whether a rollout heeds windows, which tenants may read of its plan, as a column; the few rows of rollouts are rewritten."""

from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

PATIENCE = "SET LOCAL lock_timeout = '5s'"  # the table is locked for a moment; whoever waits for that holds up the next look


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0011_put_off"),
    ]

    operations = [
        migrations.RunSQL(PATIENCE, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="rollout",
            name="windows",
            field=models.GeneratedField(
                db_persist=True,
                expression=Coalesce(KT("plan__windows"), models.Value(""), output_field=models.TextField()),
                output_field=models.TextField(),
            ),
        ),
        migrations.RunSQL(
            "GRANT SELECT (windows) ON rollouts_rollout TO nesoi_web",
            "REVOKE SELECT (windows) ON rollouts_rollout FROM nesoi_web",
        ),
        migrations.RunSQL(migrations.RunSQL.noop, PATIENCE),
    ]
