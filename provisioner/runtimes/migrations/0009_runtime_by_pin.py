"""Who is pinned to a release, for that release's page."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """An index that is built while runtimes are written."""

    atomic = False
    dependencies = [("runtimes", "0008_fleet_counts")]

    operations = [
        AddIndexConcurrently(
            "runtime",
            models.Index(
                condition=Q(deleted_at__isnull=True) & ~Q(pinned=""),
                fields=["pinned", "-id"],
                name="runtime_by_pin",
            ),
        ),
    ]
