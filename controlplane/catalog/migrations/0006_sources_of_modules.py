"""Versions of modules that come from elsewhere, and the bytes that were fetched and verified for them."""

import django.db.models.deletion
from django.db import migrations, models

TABLES = "catalog_moduleversion, catalog_content"
ROLES = "nesoi_web, nesoi_platform, nesoi_worker"
# What a digest names is what was reviewed: no hand, however trusted, puts other bytes under it, or takes a digest for another.
PROVEN = """
ALTER TABLE catalog_content ADD CONSTRAINT catalog_content_is_what_its_digest_says
    CHECK (digest = 'sha256:' || encode(sha256(content), 'hex'));
"""
# Workers hold it in memory.
BOUNDED = """
ALTER TABLE catalog_content ADD CONSTRAINT catalog_content_is_bounded CHECK (octet_length(content) <= 8388608);
"""


class Migration(migrations.Migration):
    """New tables only; like the rest of the catalog, the owner's alone to write."""

    dependencies = [("catalog", "0005_sres_publish")]

    operations = [
        migrations.CreateModel(
            name="Content",
            fields=[
                ("digest", models.CharField(max_length=71, primary_key=True, serialize=False)),
                ("content", models.BinaryField()),
                ("origin", models.CharField(max_length=2048)),
                ("fetched_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ModuleVersion",
            fields=[
                ("key", models.CharField(max_length=160, primary_key=True, serialize=False)),
                ("implementation", models.CharField(max_length=31)),
                ("version", models.CharField(max_length=63)),
                ("source", models.JSONField()),
                ("namespace", models.CharField(blank=True, default="", max_length=63)),
                ("chart_values", models.JSONField(default=dict)),
                ("setting_paths", models.JSONField(default=dict)),
                ("resources", models.JSONField(default=dict)),
                ("footprint", models.JSONField(default=dict)),
                (
                    "module",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="catalog.module"
                    ),
                ),
            ],
            options={
                "ordering": ("key",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("module", "implementation", "version"), name="catalog_moduleversion_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(PROVEN, migrations.RunSQL.noop),
        migrations.RunSQL(BOUNDED, migrations.RunSQL.noop),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {TABLES} FROM {ROLES}",
            f"GRANT INSERT, UPDATE, DELETE ON {TABLES} TO {ROLES}",
        ),
    ]
