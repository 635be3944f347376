"""Gives landscapes room for sealed credentials; a constant default, so the table is not rewritten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Stored credentials begin empty: mounted files go on to be read."""

    dependencies = [("landscapes", "0002_audits")]

    operations = [
        migrations.AddField("landscape", "credentials_sealed", models.BinaryField(default=bytes)),
    ]
