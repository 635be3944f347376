"""Events of operations that ended, for tenants that listen; nothing is asked of the operations' hot path."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from controlplane.kernel.clock import rfc3339
from controlplane.notices.webhooks import emit
from provisioner.operations.models import Operation

EVENT = "operation.ended"
MOST = 500  # of one round
WITHIN = "6 hours"  # an event that could not be told for longer is not told any more

# What ended lately of tenants that listen, and was not told yet; tried again and ended again, it is told again. An address hears
# of what ended since it was registered. Rides on operation_ended_of_tenant and webhook_delivery_once: nothing is read of tenants
# that do not listen.
UNTOLD = f"""
SELECT DISTINCT ON (o.finished_at, o.id) o.id, told.key
FROM notices_webhook w
JOIN operations_operation o ON o.tenant_id = w.tenant_id AND o.finished_at > greatest(w.created_at, now() - interval '{WITHIN}')
CROSS JOIN LATERAL (SELECT '{EVENT}:' || o.id || ':' || extract(epoch FROM o.finished_at) AS key) told
WHERE w.kinds @> ARRAY['{EVENT}']::varchar[] AND w.disabled_at IS NULL
  AND NOT EXISTS (SELECT FROM notices_webhook_delivery d WHERE d.webhook_id = w.id AND d.dedupe_key = told.key)
ORDER BY o.finished_at, o.id LIMIT %(most)s"""  # noqa: S608 - constants of this file


@transaction.atomic
def tell_operations() -> int:
    """Queue an event for each operation that ended since the last round, and return of how many; two at once do no harm."""
    with connection.cursor() as cursor:
        cursor.execute(UNTOLD, {"most": MOST})
        keys = dict(cursor.fetchall())
    for operation in Operation.objects.filter(pk__in=keys).select_related("runtime").order_by("finished_at"):
        emit(
            tenant_id=operation.tenant_id, kind=EVENT, subject=str(operation.runtime_id), data=_data(operation),
            dedupe_key=keys[operation.pk],
        )  # fmt: skip
    return len(keys)


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
