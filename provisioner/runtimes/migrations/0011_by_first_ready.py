"""Who was ready first lately, found without a look at the whole fleet."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """An index, built while runtimes come and go."""

    atomic = False
    dependencies = [("runtimes", "0010_first_ready")]

    operations = [
        AddIndexConcurrently(
            "runtime",
            models.Index(
                fields=["first_ready_at"],
                condition=Q(deleted_at__isnull=True),
                name="runtime_by_first_ready",
            ),
        ),
    ]
