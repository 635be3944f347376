"""A fault may be as long as that of any other job: PostgreSQL notes the new length and touches no row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column."""

    dependencies = [("tenants", "0007_audit_export")]

    operations = [
        migrations.AlterField("auditexport", "fault", models.CharField(blank=True, max_length=1000)),
    ]
