"""An index of the few at work that are stuck or paused, so that pages can say so of a whole fleet; written by the way."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0008_kept_preview"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="target",
            index=models.Index(
                fields=["rollout", "reason_code"],
                condition=models.Q(state="running", reason_code__in=["stuck", "paused"]),
                name="target_at_a_stand",
            ),
        ),
    ]
