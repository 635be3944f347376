"""Why a runtime rests; empty for everything that stands."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a constant default: the table is not rewritten."""

    dependencies = [("runtimes", "0002_runtime_revision")]

    operations = [
        migrations.AddField("runtime", "suspended_for", models.JSONField(db_default=[], default=list)),
    ]
