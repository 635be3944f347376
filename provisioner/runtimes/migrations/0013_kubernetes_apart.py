"""The Kubernetes version that a runtime was seen with, where that is not the one of its release: fleets are counted by both.

A plain column that a trigger writes, and not one that PostgreSQL computes: adding it rewrites nothing, and what the observer writes
into `status` touches no index while the version stays the same. Only those who are apart are written here: they are few.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

APART = """left(CASE WHEN coalesce({row}.status ->> 'kubernetes_version', '') NOT IN (
    '', coalesce({row}.spec -> 'release' ->> 'kubernetes_patch', {row}.spec -> 'release' ->> 'kubernetes', '')
) THEN {row}.status ->> 'kubernetes_version' ELSE '' END, 31)"""
FORWARD = f"""
CREATE FUNCTION runtimes_note_kubernetes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.kubernetes_apart := {APART.format(row="NEW")};
    RETURN NEW;
END $$;
CREATE TRIGGER runtimes_kubernetes BEFORE INSERT OR UPDATE OF spec, status, kubernetes_apart ON runtimes_runtime
    FOR EACH ROW EXECUTE FUNCTION runtimes_note_kubernetes();
"""  # noqa: S608
BACKWARD = """
DROP TRIGGER runtimes_kubernetes ON runtimes_runtime;
DROP FUNCTION runtimes_note_kubernetes();
"""
THOSE_APART = f"""
UPDATE runtimes_runtime AS runtime SET kubernetes_apart = {APART.format(row="runtime")}
WHERE deleted_at IS NULL AND {APART.format(row="runtime")} <> ''
"""  # noqa: S608


class Migration(migrations.Migration):
    """A column, the trigger that writes it, and an index of those who are apart, built while runtimes come and go."""

    atomic = False
    dependencies = [("runtimes", "0012_of_channel")]

    operations = [
        migrations.AddField(
            "runtime",
            "kubernetes_apart",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=31),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
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
