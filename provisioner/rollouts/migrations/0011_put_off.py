"""By how much tenants put upgrades off that waited for a window which they then moved; what was moved before counts nothing."""

import django.db.models.deletion
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectChildRows


class Migration(migrations.Migration):
    dependencies = [
        ("rollouts", "0010_closed_at"),
        ("isolation", "0006_own_things_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="PutOff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=160)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "target",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="rollouts.target",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["target", "ends_at"], name="put_off_of_target")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("begins_at"))), name="put_off_ends_behind_its_begin"
                    )
                ],
            },
        ),
        ProtectChildRows("rollouts_putoff", "target_id", parent="rollouts_target"),
    ]
