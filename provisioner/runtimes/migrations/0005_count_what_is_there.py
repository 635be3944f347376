"""Counts the runtimes that were there before anybody counted; what is made meanwhile counts itself."""

from django.db import migrations

# What a process of the release before makes while this deploy goes on is found by `manage.py quota check --repair`, which does the same.
FORWARD = """
UPDATE runtimes_runtime r SET quota_vcpu = s.vcpu, quota_memory_gib = s.memory_gib, quota_gpus = s.gpus
FROM (
    SELECT r.id, coalesce(sum((pool ->> 'maximum')::int * m.vcpu), 0) AS vcpu,
        coalesce(sum((pool ->> 'maximum')::int * m.memory_gib), 0) AS memory_gib,
        coalesce(sum((pool ->> 'maximum')::int * m.gpus), 0) AS gpus
    FROM runtimes_runtime r
    LEFT JOIN LATERAL jsonb_array_elements(r.cluster_spec -> 'pools') AS pool ON true
    LEFT JOIN catalog_machinetype m ON m.provider = r.cluster_spec ->> 'provider' AND m.name = pool ->> 'machine_type'
    WHERE r.deleted_at IS NULL AND r.quota_vcpu IS NULL
    GROUP BY r.id
) s
WHERE s.id = r.id
"""


class Migration(migrations.Migration):
    """Rows are locked one statement long; readers go on."""

    dependencies = [("runtimes", "0004_quota")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
