"""What steps of an operation note for later ones, and for people: the sight before an upgrade, its report."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column with a default of the database: the table is not rewritten, older processes go on inserting."""

    dependencies = [("operations", "0002_across_tenants")]

    operations = [
        migrations.AddField("operation", "kept", models.JSONField(db_default={}, default=dict)),
    ]
