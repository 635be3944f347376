"""Addresses of the platform's own team, which have no tenant, and filters on what is told."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns that may be null or have a default: processes of the release before go on writing."""

    dependencies = [("notices", "0003_webhooks")]

    operations = [
        *(
            migrations.AlterField(
                model,
                "tenant",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                ),
            )
            for model in ("webhook", "webhookdelivery")
        ),
        migrations.AddField("webhook", "filters", models.JSONField(db_default={}, default=dict)),
        migrations.RemoveConstraint("webhook", "webhook_once_per_address"),
        migrations.AddConstraint(
            "webhook",
            models.UniqueConstraint(fields=("tenant", "url"), name="webhook_once_per_address", nulls_distinct=False),
        ),
    ]
