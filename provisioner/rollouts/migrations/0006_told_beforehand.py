"""When tenants were told that a rollout comes; of those that began before there was such a thing, nobody is told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0005_whose_targets"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="told_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(
            "UPDATE rollouts_rollout SET told_at = started_at WHERE started_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
