"""A tenant's last place in the background: there, too, one with much to do stands behind itself."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """An index, built while operations go on."""

    atomic = False
    dependencies = [("operations", "0006_background")]

    operations = [
        AddIndexConcurrently(
            "operation",
            models.Index(
                fields=["tenant", "share"],
                condition=Q(slot="active", state__in=["queued", "running"], background=True),
                name="operation_tail_behind",
            ),
        ),
    ]
