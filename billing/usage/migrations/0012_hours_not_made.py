"""Marks of hours remember how often their hour could not be made, so that such hours come last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column with a default that the catalog keeps: no row is written."""

    dependencies = [("usage", "0011_hours_in_blocks")]

    operations = [
        migrations.AddField(
            model_name="dirty",
            name="failures",
            field=models.IntegerField(db_default=0, default=0),
        ),
    ]
