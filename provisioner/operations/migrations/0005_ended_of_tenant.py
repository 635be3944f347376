"""What ended lately of a tenant, for those who listen."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """An index that is built while operations go on."""

    atomic = False
    dependencies = [("operations", "0004_upgrades_told")]

    operations = [
        AddIndexConcurrently(
            "operation",
            models.Index(
                condition=Q(finished_at__isnull=False),
                fields=["tenant", "finished_at"],
                name="operation_ended_of_tenant",
            ),
        ),
    ]
