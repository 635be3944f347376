"""What no request and no worker writes, they may not: the catalog is loaded, and the schema migrated, by the owner."""

from django.db import migrations

TABLES = ", ".join(
    (
        "django_migrations",
        "django_content_type",
        "auth_permission",
        "catalog_channel",
        "catalog_kubernetesversion",
        "catalog_machinetype",
        "catalog_module",
        "catalog_plan",
        "catalog_region",
        "catalog_release",
        "catalog_revision",
    )
)
ROLES = "nesoi_web, nesoi_platform, nesoi_worker"


class Migration(migrations.Migration):
    """Comes after the catalog's tables."""

    dependencies = [
        ("isolation", "0003_tables"),
        ("catalog", "0002_releases_never_change"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {TABLES} FROM {ROLES}",
            f"GRANT INSERT, UPDATE, DELETE ON {TABLES} TO {ROLES}",
        )
    ]
