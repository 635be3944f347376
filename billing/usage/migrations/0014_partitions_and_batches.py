"""With a day's partition goes what is known of batches that it held, however it goes; and a day that is made knows of none.

Else a day that was made again could answer a batch with "stored already" though it holds no sample of it.
"""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("billing.usage.migrations.0010_slots_in_blocks")
FORGET = "DELETE FROM usage_batch b WHERE b.day = $1;"


def _first(text, before):
    """Return a function's text that forgets before it goes on with what stands there once."""
    if text.count(before) != 1:
        raise ValueError(f"{before!r} stands {text.count(before)} times in the function of before.")
    return text.replace(before, f"    {FORGET}\n{before}")


MAKE = _first(BEFORE.MAKE, "    EXECUTE format('CREATE TABLE")
DROP = _first(BEFORE.DROP, "    EXECUTE format('DROP TABLE")


def _say(schema_editor, statements):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        for statement in statements:
            cursor.execute(statement.replace("{schema}", schema).replace("{table}", "usage_slot"))


def forward(apps, schema_editor):
    _say(schema_editor, (MAKE, DROP))


def backward(apps, schema_editor):
    _say(schema_editor, (BEFORE.MAKE, BEFORE.DROP))


class Migration(migrations.Migration):
    """Two functions; nothing is locked, and nothing waited for but another migration."""

    dependencies = [("usage", "0013_hours_for_members")]

    operations = [migrations.RunPython(forward, backward)]
