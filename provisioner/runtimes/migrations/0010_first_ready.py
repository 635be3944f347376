"""When each runtime was ready for the first time; those that were before this are told by their operations (operations/0008).

A trigger, because phases are written by many: whoever makes it ready first, that moment is kept.
"""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION runtimes_note_first_ready() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.first_ready_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER runtimes_first_ready BEFORE INSERT OR UPDATE OF phase ON runtimes_runtime
    FOR EACH ROW WHEN (NEW.phase = 'ready' AND NEW.first_ready_at IS NULL) EXECUTE FUNCTION runtimes_note_first_ready();
"""
BACKWARD = """
DROP TRIGGER runtimes_first_ready ON runtimes_runtime;
DROP FUNCTION runtimes_note_first_ready();
"""


class Migration(migrations.Migration):
    """A column and the trigger that writes it."""

    dependencies = [("runtimes", "0009_runtime_by_pin")]

    operations = [
        migrations.AddField("runtime", "first_ready_at", models.DateTimeField(editable=False, null=True)),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
