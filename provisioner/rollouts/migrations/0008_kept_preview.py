"""What a draft would have done when somebody looked last: drafts of before have none until somebody looks again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0007_people_who_approve"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="preview",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="rollout",
            name="previewed_at",
            field=models.DateTimeField(null=True),
        ),
    ]
