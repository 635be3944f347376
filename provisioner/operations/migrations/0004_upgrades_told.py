"""Of which upgrades' end people were told."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """A column, and an index that holds only what is still to be told: nothing of what was there before."""

    dependencies = [("operations", "0003_kept")]

    operations = [
        migrations.AddField("operation", "upgrade_told_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "operation",
            models.Index(
                condition=Q(kind="upgrade", state__in=["succeeded", "failed"], upgrade_told_at__isnull=True),
                fields=["finished_at"],
                name="operation_upgrade_untold",
            ),
        ),
    ]
