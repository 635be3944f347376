"""Who sees usage: tenants their own hours and days, and never write any of it."""

from django.db import migrations

from billing.usage.protection import HideFromTenants
from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants
from controlplane.tenants.isolation.policies import ProtectChildRows, ProtectTenantRows

OF_TENANTS = ("usage_span", "usage_day", "usage_day_life", "usage_sealed", "usage_late")
OF_THE_PLATFORM = (
    "usage_source",
    "usage_sample",
    "usage_shape",
    "usage_component_set",
    "usage_component_use",
    "usage_quarantine",
    "usage_dirty",
    "usage_dirty_day",
    "usage_progress",
)
EVERY = ", ".join((*OF_TENANTS, *OF_THE_PLATFORM, "usage_hour"))

# A shape names machine types and sizes, and nobody whose they are.
SHAPES = "SELECT s.id, s.levels, s.allocatable_millicores, s.allocatable_mib FROM usage_shape s WHERE s.id = ANY(ids)"

# One hour of one runtime, as far as it was the asking tenant's; without a tenant's scope nothing.
SAMPLES = """
SELECT s.slot, s.epoch, s.origin, s.reported_at, s.stored_at, s.shape, p.since, p.until,
    to_jsonb(s) - ARRAY['slot', 'epoch', 'origin', 'reported_at', 'stored_at', 'shape', 'source', 'components']
FROM usage_span p
JOIN usage_sample s ON s.source = p.source AND s.slot >= of_hour AND s.slot < of_hour + interval '1 hour'
    AND s.slot + slot_length > p.since AND s.slot < coalesce(p.until, 'infinity')
WHERE p.runtime = of_runtime AND p.tenant_id = nullif(current_setting('nesoi.tenant_id', true), '')::uuid
    AND p.since < of_hour + interval '1 hour' AND coalesce(p.until, 'infinity') > of_hour
"""


class Migration(migrations.Migration):
    """Comes after the tables."""

    dependencies = [("usage", "0003_spans"), ("isolation", "0004_read_only")]

    operations = [
        *(ProtectTenantRows(table) for table in OF_TENANTS),
        *(HideFromTenants(table) for table in OF_THE_PLATFORM),
        ProtectChildRows("usage_hour", "span", parent="usage_span"),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {EVERY} FROM nesoi_web",
            f"GRANT INSERT, UPDATE, DELETE ON {EVERY} TO nesoi_web",
        ),
        # An hour that goes on is written again with each slot: room on its page keeps that out of the index.
        migrations.RunSQL("ALTER TABLE usage_hour SET (fillfactor = 80)", "ALTER TABLE usage_hour RESET (fillfactor)"),
        CreateFunctionAcrossTenants(
            "usage_shapes(ids int[])",
            "TABLE (id int, levels jsonb, allocatable_millicores int, allocatable_mib int)",
            SHAPES,
        ),
        CreateFunctionAcrossTenants(
            "usage_samples_of_hour(of_runtime uuid, of_hour timestamptz, slot_length interval)",
            """TABLE (slot timestamptz, epoch smallint, origin smallint, reported_at timestamptz, stored_at timestamptz,
            shape int, since timestamptz, until timestamptz, gauges jsonb)""",
            SAMPLES,
        ),
    ]
