"""The Kubernetes version that a runtime was seen with, where that is not the one of its release: fleets are counted by both.

A plain column that a trigger writes, and not one that PostgreSQL computes: adding it rewrites nothing, and what the observer writes
into `status` touches no index while the version stays the same. Those who are apart already are written behind it (0014).
"""

from django.db import migrations, models

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


class Migration(migrations.Migration):
    """A column and the trigger that writes it; whoever holds the table longer than a few seconds makes it fail, not wait."""

    dependencies = [("runtimes", "0012_of_channel")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", "SET LOCAL lock_timeout = '5s'"),
        migrations.AddField(
            "runtime",
            "kubernetes_apart",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=31),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
