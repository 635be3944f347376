"""Months rated with other prices: the platform's questions, and answers that name tenants, which no tenant's scope shows."""

import django.db.models.deletion
from django.db import migrations, models

import controlplane.kernel.ids
from billing.usage.protection import HideFromTenants

TABLES = ("books_what_if", "books_what_if_answer")
EVERY = ", ".join(TABLES)


class Migration(migrations.Migration):
    """New tables, empty."""

    dependencies = [("books", "0004_proposals"), ("usage", "0004_protection")]

    operations = [
        migrations.CreateModel(
            name="WhatIf",
            fields=[
                ("id", models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=8)),
                ("subject", models.CharField(max_length=60)),
                ("title", models.CharField(max_length=60)),
                ("document", models.JSONField()),
                ("month", models.DateField()),
                ("instead_of", models.CharField(blank=True, max_length=39)),
                ("state", models.CharField(choices=[("waiting", "Waiting"), ("running", "Running"), ("done", "Done"), ("failed", "Failed")], default="waiting", max_length=8)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("tenants", models.PositiveIntegerField(default=0)),
                ("rated", models.PositiveIntegerField(default=0)),
                ("reached", models.CharField(blank=True, max_length=63)),
                ("fault", models.CharField(blank=True, max_length=1000)),
                ("asked_by", models.CharField(max_length=160)),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "books_what_if",
                "indexes": [models.Index(condition=models.Q(("state__in", ["waiting", "running"])), fields=["due_at"], name="books_what_if_due")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="books_what_if_month_begins"),
                    models.CheckConstraint(condition=models.Q(("state__in", ["waiting", "running", "done", "failed"])), name="books_what_if_state_is_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WhatIfAnswer",
            fields=[
                ("pk", models.CompositePrimaryKey("what_if", "slug", blank=True, editable=False, primary_key=True, serialize=False)),
                ("slug", models.CharField(max_length=63)),
                ("currency", models.CharField(max_length=3)),
                ("before", models.DecimalField(decimal_places=6, max_digits=20)),
                ("after", models.DecimalField(decimal_places=6, max_digits=20)),
                ("change", models.DecimalField(decimal_places=6, max_digits=20)),
                ("moved", models.JSONField()),
                ("problems", models.JSONField()),
                ("what_if", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="books.whatif")),
            ],
            options={"db_table": "books_what_if_answer"},
        ),
        *(HideFromTenants(table) for table in TABLES),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {EVERY} FROM nesoi_web",
            f"GRANT INSERT, UPDATE, DELETE ON {EVERY} TO nesoi_web",
        ),
    ]
