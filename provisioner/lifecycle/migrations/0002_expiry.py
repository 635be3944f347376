"""Whose release comes to its end of life."""

import controlplane.kernel.ids
import django.db.models.deletion
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """A new table only."""

    dependencies = [("lifecycle", "0001_standing"), ("runtimes", "0007_release_and_channel")]

    operations = [
        migrations.CreateModel(
            name="Expiry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("release", models.CharField(max_length=31)),
                ("ends_on", models.DateField()),
                ("due_at", models.DateTimeField()),
                ("told_days", models.PositiveSmallIntegerField(null=True)),
                ("operation", models.UUIDField(null=True)),
                ("problem", models.CharField(blank=True, max_length=500)),
                (
                    "runtime",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="runtimes.runtime",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("runtime", "release"), name="expiry_once_per_release")
                ],
                "indexes": [models.Index(fields=["due_at"], name="expiry_due")],
            },
        ),
        ProtectTenantRows("lifecycle_expiry"),
    ]
