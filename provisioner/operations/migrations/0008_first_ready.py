"""When runtimes that were ready before anybody noted it were so first, as far as their operations tell."""

from django.db import migrations

# An operation that succeeded, or that went on in the background, had made its runtime ready; one that rests or removes it had not.
FORWARD = """
UPDATE runtimes_runtime r
SET first_ready_at = coalesce((
    SELECT min(o.finished_at) FROM operations_operation o
    WHERE o.runtime_id = r.id AND o.state = 'succeeded' AND o.kind NOT IN ('suspend', 'deprovision')), r.updated_at)
WHERE r.first_ready_at IS NULL AND r.observed_generation > 0 AND (r.phase = 'ready' OR EXISTS (
    SELECT FROM operations_operation o WHERE o.runtime_id = r.id
        AND (o.background OR o.state = 'succeeded' AND o.kind NOT IN ('suspend', 'deprovision'))))
"""


class Migration(migrations.Migration):
    """One statement; nothing to take back."""

    dependencies = [("operations", "0007_fair_background"), ("runtimes", "0010_first_ready")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
