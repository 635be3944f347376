"""Room on each page for the next versions of its rows.

An operation and its runtime are written a dozen times while a cluster is built, most often without a change to what any index
holds. Where the next version finds room beside the last, none of the twenty indexes is written, and the room is used again.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE runtimes_runtime SET (fillfactor = 70);
ALTER TABLE operations_operation SET (fillfactor = 70);
"""
BACKWARD = """
ALTER TABLE operations_operation RESET (fillfactor);
ALTER TABLE runtimes_runtime RESET (fillfactor);
"""


class Migration(migrations.Migration):
    """For pages that are filled from now on: nothing is rewritten, and readers and writers go on."""

    dependencies = [("operations", "0008_first_ready")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
