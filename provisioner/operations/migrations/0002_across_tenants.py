"""What a tenant is told of the queue that it shares with others: numbers, never rows."""

from django.db import migrations

from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants

CLAIMABLE = "slot = 'active' AND state IN ('queued', 'running')"


class Migration(migrations.Migration):
    """Comes after row-level security of the operations."""

    dependencies = [("operations", "0001_initial"), ("isolation", "0003_tables")]

    operations = [
        # The fair-share tag now in service. Rides on operation_claim: two index ends.
        CreateFunctionAcrossTenants(
            "operations_now_in_service()",
            "float8",
            f"""
    SELECT coalesce(
        (SELECT share FROM operations_operation WHERE {CLAIMABLE} AND lease_until IS NULL ORDER BY share LIMIT 1),
        (SELECT share FROM operations_operation WHERE {CLAIMABLE} ORDER BY share DESC LIMIT 1),
        0)
""",
        ),
        # How many operations a worker would take first, counted up to `most`. Rides on operation_claim.
        CreateFunctionAcrossTenants(
            "operations_before(its_share float8, its_due timestamptz, most int)",
            "bigint",
            f"""
    SELECT count(*) FROM (
        SELECT FROM operations_operation
        WHERE {CLAIMABLE} AND lease_until IS NULL AND (share, due_at) < (its_share, its_due) LIMIT most
    ) AS before
""",
        ),
        # The newest successes of a kind in a landscape: what was done when, without whose it was. Rides on operation_recent.
        CreateFunctionAcrossTenants(
            "operations_lately(its_kind text, its_landscape uuid, most int)",
            "SETOF jsonb",
            """
    SELECT steps_done FROM operations_operation
    WHERE kind = its_kind AND landscape_id = its_landscape AND state = 'succeeded' ORDER BY finished_at DESC LIMIT most
""",
        ),
    ]
