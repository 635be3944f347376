"""Who follows a channel that has gone on without it, found without a look at all who are on their release."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """An index, built while runtimes come and go."""

    atomic = False
    dependencies = [("runtimes", "0011_by_first_ready")]

    operations = [
        AddIndexConcurrently(
            "runtime",
            models.Index(
                fields=["channel", "release_key", "id"],
                condition=Q(deleted_at__isnull=True, pinned=""),
                name="runtime_of_channel",
            ),
        ),
    ]
