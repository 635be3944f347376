"""What components' days are made of, so that one late runtime makes anew what it touches. Days that are there are made whole once."""

import django.contrib.postgres.fields
from django.db import migrations, models

from billing.usage.protection import HideFromTenants

TABLES = ("footprint_component_asked", "footprint_component_used", "footprint_component_told", "footprint_component_read")
EVERY = ", ".join(TABLES)


class Migration(migrations.Migration):
    """New tables, empty."""

    dependencies = [("footprint", "0002_marks")]

    operations = [
        migrations.CreateModel(
            name="ComponentAsked",
            fields=[
                ("pk", models.CompositePrimaryKey("day", "neighbours", "component", "plan", blank=True, editable=False, primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("neighbours", models.IntegerField()),
                ("component", models.CharField(max_length=253)),
                ("plan", models.CharField(max_length=31)),
                ("runtimes", models.IntegerField()),
                ("seconds", models.BigIntegerField()),
                ("millicores", models.BigIntegerField()),
                ("mib", models.BigIntegerField()),
            ],
            options={"db_table": "footprint_component_asked"},
        ),
        migrations.CreateModel(
            name="ComponentUsed",
            fields=[
                ("pk", models.CompositePrimaryKey("day", "component", "plan", blank=True, editable=False, primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("component", models.CharField(max_length=253)),
                ("plan", models.CharField(max_length=31)),
                ("seconds", models.BigIntegerField()),
                ("millicores", models.BigIntegerField()),
                ("mib", models.BigIntegerField()),
            ],
            options={"db_table": "footprint_component_used"},
        ),
        migrations.CreateModel(
            name="ComponentTold",
            fields=[
                ("pk", models.CompositePrimaryKey("day", "source", blank=True, editable=False, primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("source", models.IntegerField()),
                ("plan", models.CharField(max_length=31)),
                ("hours", models.IntegerField()),
            ],
            options={"db_table": "footprint_component_told"},
        ),
        migrations.CreateModel(
            name="ComponentRead",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("uses", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={"db_table": "footprint_component_read"},
        ),
        *(HideFromTenants(table) for table in TABLES),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {EVERY} FROM nesoi_web",
            f"GRANT INSERT, UPDATE, DELETE ON {EVERY} TO nesoi_web",
        ),
    ]
