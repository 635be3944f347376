"""When somebody closed a rollout: nothing of it begins any more. Those that were closed before go on as they did."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0009_at_a_stand"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="closed_at",
            field=models.DateTimeField(null=True),
        ),
    ]
