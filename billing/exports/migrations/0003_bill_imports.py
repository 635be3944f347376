"""Bills that somebody asked to be booked: the platform's, so no tenant's scope shows any."""

import django.db.models.deletion
from django.db import migrations, models

import controlplane.kernel.ids
from billing.usage.protection import HideFromTenants


class Migration(migrations.Migration):
    """A new table, empty."""

    dependencies = [("exports", "0002_bill_places"), ("usage", "0004_protection")]

    operations = [
        migrations.CreateModel(
            name="BillImport",
            fields=[
                ("id", models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("provider", models.CharField(max_length=31)),
                ("file_format", models.CharField(max_length=7)),
                ("source", models.CharField(max_length=500)),
                ("content", models.BinaryField(null=True)),
                ("final_again", models.BooleanField(default=False)),
                ("state", models.CharField(choices=[("waiting", "Waiting"), ("running", "Running"), ("done", "Done"), ("failed", "Failed")], default="waiting", max_length=8)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("booked", models.BooleanField(default=False)),
                ("fault", models.CharField(blank=True, max_length=1000)),
                ("faults", models.JSONField(default=list)),
                ("asked_by", models.CharField(max_length=160)),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("bill", models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="exports.providerbill")),
            ],
            options={
                "db_table": "exports_bill_import",
                "indexes": [models.Index(condition=models.Q(("state__in", ["waiting", "running"])), fields=["due_at"], name="exports_import_due")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("state__in", ["waiting", "running", "done", "failed"])), name="exports_import_state_is_known"),
                    models.CheckConstraint(condition=models.Q(("state__in", ["waiting", "running"]), ("content__isnull", True), _connector="OR"), name="exports_import_forgets"),
                ],
            },
        ),
        HideFromTenants("exports_bill_import"),
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE, DELETE ON exports_bill_import FROM nesoi_web",
            "GRANT INSERT, UPDATE, DELETE ON exports_bill_import TO nesoi_web",
        ),
    ]
