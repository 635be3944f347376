"""Events of operations that ended, for tenants that listen; nothing is asked of the operations' hot path."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from controlplane.kernel.clock import rfc3339
from controlplane.notices.webhook_filters import OF_OPERATIONS
from controlplane.notices.webhooks import emit
from provisioner.operations.models import Operation

EVENT = "operation.ended"
MOST = 500  # of one round
WITHIN = "6 hours"  # an event that could not be told for longer is not told any more

# What ended lately and was not told yet, narrowed as whoever listens wishes; tried again and ended again, it is told again. An
# address hears of what ended since it was registered. Rides on operation_ended_of_tenant and webhook_delivery_once: nothing is
# read of tenants that do not listen, unless the platform's own team listens to all of them.
_UNTOLD = """
SELECT DISTINCT ON (o.finished_at, o.id) o.id, told.key
FROM notices_webhook w
JOIN tenants_tenant t ON {whose}
JOIN operations_operation o ON o.tenant_id = t.id AND o.finished_at > greatest(w.created_at, now() - interval '{within}')
JOIN landscapes_landscape l ON l.id = o.landscape_id
CROSS JOIN LATERAL (SELECT '{event}:' || o.id || ':' || extract(epoch FROM o.finished_at) AS key) told
WHERE w.kinds @> ARRAY['{event}']::varchar[] AND w.disabled_at IS NULL AND {meant}
  AND NOT EXISTS (SELECT FROM notices_webhook_delivery d WHERE d.webhook_id = w.id AND d.dedupe_key = told.key)
ORDER BY o.finished_at, o.id LIMIT %(most)s"""
_WORDS = {"event": EVENT, "within": WITHIN, "meant": OF_OPERATIONS}
UNTOLD = _UNTOLD.format(whose="t.id = w.tenant_id", **_WORDS)
UNTOLD_TO_PLATFORM = _UNTOLD.format(whose="w.tenant_id IS NULL", **_WORDS)


@transaction.atomic
def tell_operations() -> int:
    """Queue an event for each operation that ended since the last round, and return of how many; two at once do no harm."""
    theirs, ours = _untold(UNTOLD), _untold(UNTOLD_TO_PLATFORM)
    loaded = Operation.objects.filter(pk__in={*theirs, *ours}).select_related(
        "runtime", "tenant", "landscape"
    )
    for operation in loaded.order_by("finished_at"):
        event: dict[str, Any] = {
            "kind": EVENT, "subject": str(operation.runtime_id), "facts": _facts(operation),
        }  # fmt: skip
        data = _data(operation)
        if key := theirs.get(operation.pk):
            emit(tenant_id=operation.tenant_id, data=data, dedupe_key=key, **event)
        if key := ours.get(operation.pk):
            where = {"tenant": operation.tenant.slug, "landscape": operation.landscape.key}
            emit(tenant_id=None, data={**data, **where}, dedupe_key=key, **event)
    return len({*theirs, *ours})


def _untold(statement: str) -> dict[UUID, str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"most": MOST})
        return dict(cursor.fetchall())


def _facts(operation: Operation) -> dict[str, str]:
    return {
        "state": operation.state,
        "operation": operation.kind,
        "tenant": operation.tenant.slug,
        "landscape": operation.landscape.key,
        "release": str(operation.input.get("release", "")),
    }


def _data(operation: Operation) -> dict[str, Any]:
    error = {
        "code": operation.error_code,
        "message": operation.error_message,
        "audience": operation.error_audience,
    }
    return {
        "operation": str(operation.pk),
        "kind": operation.kind,
        "state": operation.state,
        "runtime": {"id": str(operation.runtime_id), "name": operation.runtime.name},
        "requested_by": operation.requested_by,
        "error": error if operation.error_code else None,
        "started_at": rfc3339(operation.started_at),
        "finished_at": rfc3339(operation.finished_at),
    }
