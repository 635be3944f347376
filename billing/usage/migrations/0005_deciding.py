"""What an SRE decided about a sample that was put aside, and batches that were taken in whole: who repeats one is known by it."""

import django.db.models.functions.datetime
from django.db import migrations, models

from billing.usage.protection import HideFromTenants


class Migration(migrations.Migration):
    """Columns with constant defaults, which rewrite nothing, and a new table."""

    dependencies = [("usage", "0004_protection")]

    operations = [
        migrations.AddField(
            model_name="quarantined", name="decision", field=models.CharField(max_length=12, default="", db_default="")
        ),
        migrations.AddField(
            model_name="quarantined", name="decided_by", field=models.CharField(max_length=160, default="", db_default="")
        ),
        migrations.AddField(
            model_name="quarantined", name="decided_why", field=models.CharField(max_length=300, default="", db_default="")
        ),
        migrations.AddField(model_name="quarantined", name="decided_at", field=models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("pk", models.CompositePrimaryKey("day", "digest", blank=True, editable=False, primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("digest", models.BinaryField()),
                ("stored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        HideFromTenants("usage_batch"),
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE, DELETE ON usage_batch FROM nesoi_web",
            "GRANT INSERT, UPDATE, DELETE ON usage_batch TO nesoi_web",
        ),
    ]
