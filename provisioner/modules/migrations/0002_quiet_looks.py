"""How often in a row a look found nothing: where all is in order, looks are ever rarer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column."""

    dependencies = [("modules", "0001_initial")]

    operations = [
        migrations.AddField("inspection", "quiet", models.PositiveSmallIntegerField(db_default=0, default=0)),
    ]
