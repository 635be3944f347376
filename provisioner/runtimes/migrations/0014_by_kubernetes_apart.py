"""Those whose Kubernetes version is apart from their release's, written once and found without a look at the whole fleet.

Only those who are apart are written: they are few. The trigger (0013) says what of.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

THOSE_APART = """
UPDATE runtimes_runtime SET kubernetes_apart = ''
WHERE deleted_at IS NULL AND kubernetes_apart = '' AND coalesce(status ->> 'kubernetes_version', '') NOT IN (
    '', coalesce(spec -> 'release' ->> 'kubernetes_patch', spec -> 'release' ->> 'kubernetes', '')
)
"""


class Migration(migrations.Migration):
    """A few rows, and an index of them, built while runtimes come and go."""

    atomic = False
    dependencies = [("runtimes", "0013_kubernetes_apart")]

    operations = [
        migrations.RunSQL(THOSE_APART, migrations.RunSQL.noop),
        AddIndexConcurrently(
            "runtime",
            models.Index(
                fields=["kubernetes_apart", "release_key", "-id"],
                condition=Q(deleted_at__isnull=True) & ~Q(kubernetes_apart=""),
                name="runtime_kubernetes_apart",
            ),
        ),
    ]
