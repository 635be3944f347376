"""What SREs do with releases over the API, and nothing else of the catalog: publish, withdraw, point a channel, each a revision."""

from django.db import migrations

LIFE = "published_at, published_by, withdrawn_at, withdrawn_reason"


class Migration(migrations.Migration):
    """Columns, not tables: what a release holds stays the owner's to write."""

    dependencies = [("catalog", "0004_life_of_releases"), ("isolation", "0004_read_only")]

    operations = [
        migrations.RunSQL(
            f"GRANT UPDATE ({LIFE}) ON catalog_release TO nesoi_platform",
            f"REVOKE UPDATE ({LIFE}) ON catalog_release FROM nesoi_platform",
        ),
        migrations.RunSQL(
            "GRANT UPDATE (release_id) ON catalog_channel TO nesoi_platform",
            "REVOKE UPDATE (release_id) ON catalog_channel FROM nesoi_platform",
        ),
        migrations.RunSQL(
            "GRANT INSERT ON catalog_revision TO nesoi_platform",
            "REVOKE INSERT ON catalog_revision FROM nesoi_platform",
        ),
    ]
