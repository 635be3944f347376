"""When somebody asked for a look that is still to come: what keeps it from being done now does not put it off for long."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column without a default: no row is written."""

    dependencies = [("findings", "0003_by_group")]

    operations = [migrations.AddField("check", "asked_at", models.DateTimeField(null=True))]
