"""Marks of hours remember how often their hour could not be made, so that such hours come last.

Samples that come in wait for it, and it for them: five seconds at most, then it gives up and has changed nothing. Try again.
"""

from django.db import migrations, models

WAIT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):
    """One column with a default that the catalog keeps: no row is written, the table is locked for a moment."""

    dependencies = [("usage", "0011_hours_in_blocks")]

    operations = [
        migrations.RunSQL(WAIT, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="dirty",
            name="failures",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, WAIT),
    ]
