"""What goes on in the background: a queue of its own beside that of what people wait for."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

from controlplane.tenants.isolation.functions import ReplaceFunctionAcrossTenants

ANY = "slot = 'active' AND state IN ('queued', 'running')"
FIRST = f"{ANY} AND NOT background"
ACTIVE = {"slot": "active", "state__in": ["queued", "running"]}

NOW_IN_SERVICE = """
    SELECT coalesce(
        (SELECT share FROM operations_operation WHERE {queue} AND lease_until IS NULL ORDER BY share LIMIT 1),
        (SELECT share FROM operations_operation WHERE {queue} ORDER BY share DESC LIMIT 1),
        0)
"""
BEFORE = """
    SELECT count(*) FROM (
        SELECT FROM operations_operation
        WHERE {queue} AND lease_until IS NULL AND (share, due_at) < (its_share, its_due) LIMIT most
    ) AS before
"""


class Migration(migrations.Migration):
    """The new indexes are there before the old ones go, built while operations go on."""

    atomic = False
    dependencies = [("operations", "0005_ended_of_tenant")]

    operations = [
        migrations.AddField(
            "operation", "background", models.BooleanField(default=False, db_default=False)
        ),
        AddIndexConcurrently(
            "operation",
            models.Index(
                fields=["share", "due_at"],
                condition=Q(**ACTIVE, background=False),
                name="operation_claim_first",
            ),
        ),
        AddIndexConcurrently(
            "operation",
            models.Index(
                fields=["share", "due_at"],
                condition=Q(**ACTIVE, background=True),
                name="operation_claim_behind",
            ),
        ),
        AddIndexConcurrently(
            "operation",
            models.Index(
                fields=["tenant", "share"],
                condition=Q(**ACTIVE, background=False),
                name="operation_tail_of_tenant",
            ),
        ),
        ReplaceFunctionAcrossTenants(
            "operations_now_in_service()",
            "float8",
            NOW_IN_SERVICE.format(queue=FIRST),
            before=NOW_IN_SERVICE.format(queue=ANY),
        ),
        ReplaceFunctionAcrossTenants(
            "operations_before(its_share float8, its_due timestamptz, most int)",
            "bigint",
            BEFORE.format(queue=FIRST),
            before=BEFORE.format(queue=ANY),
        ),
        RemoveIndexConcurrently("operation", "operation_claim"),
        RemoveIndexConcurrently("operation", "operation_share_of_tenant"),
    ]
