"""The fleet's findings in the order of their groups, with all that is counted of them."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """An index for another one, built while findings come and go."""

    atomic = False
    dependencies = [("findings", "0002_quiet_looks")]

    operations = [
        AddIndexConcurrently(
            "finding",
            models.Index(
                fields=["rule", "severity", "audience", "runtime"], include=["since"], name="finding_by_group"
            ),
        ),
        RemoveIndexConcurrently("finding", "finding_by_rule"),
    ]
