"""Which release a runtime runs, which channel it follows, and whether it is pinned, as columns.

PostgreSQL computes the first two for the rows that are there and keeps them for whoever writes `spec`, processes of the release
before included. That rewrites the table once: seconds at 10,000 rows.
"""

from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    """Columns and their indexes."""

    dependencies = [("runtimes", "0006_account_and_tenant")]

    operations = [
        migrations.AddField(
            "runtime",
            "release_key",
            models.GeneratedField(
                db_persist=True,
                expression=Coalesce(
                    KT("spec__release__key"), models.Value(""), output_field=models.TextField()
                ),
                output_field=models.CharField(max_length=31),
            ),
        ),
        migrations.AddField(
            "runtime",
            "channel",
            models.GeneratedField(
                db_persist=True,
                expression=Coalesce(
                    KT("spec__parameters__channel"), models.Value(""), output_field=models.TextField()
                ),
                output_field=models.CharField(max_length=31),
            ),
        ),
        migrations.AddField(
            "runtime", "pinned", models.CharField(blank=True, db_default="", default="", max_length=31)
        ),
        migrations.AddIndex(
            "runtime",
            models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["release_key", "id"],
                name="runtime_by_release",
            ),
        ),
        migrations.AddIndex(
            "runtime",
            models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["channel", "id"],
                name="runtime_by_channel",
            ),
        ),
    ]
