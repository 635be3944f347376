"""Opens operations on many runtimes at once, where nothing is open yet: one statement, however many there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.kernel.errors import Fatal, Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation import prepared
from provisioner.operations import flowbook, queries, transport
from provisioner.operations.models import COLUMNS, Operation
from provisioner.operations.opening import stored
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind

# Opens an operation on each of many runtimes that have none open, each behind its tenant's last. What the newest operation of a
# runtime was to build and did not, as `opening._with_consent` says, this one may build. Rides on primary keys,
# operation_of_runtime and the indexes of fair share.
OPEN_MANY = f"""
WITH wish AS (
    SELECT w.id, w.input::jsonb AS input, r.id AS runtime_id, r.tenant_id, r.landscape_id, r.generation,
        row_number() OVER (PARTITION BY r.tenant_id ORDER BY w.place) - 1 AS behind
    FROM unnest(%(ids)s::uuid[], %(runtimes)s::uuid[], %(inputs)s::text[]) WITH ORDINALITY AS w(id, runtime, input, place)
    JOIN runtimes_runtime r ON r.id = w.runtime
), tails AS (
    SELECT own.tenant_id, {queries.BEHIND_ITS_TENANT.format(tenant="own.tenant_id")} AS tail
    FROM (SELECT DISTINCT tenant_id FROM wish) own
)
INSERT INTO operations_operation
    (id, tenant_id, runtime_id, landscape_id, kind, generation, input, requested_by, request_id, state, slot, step, steps_done,
     attempts, reason, progress, share, due_at, fence, wakes, cancel_reason, deadline, error_class, error_code, error_message,
     error_audience, created_at, background)
SELECT wish.id, wish.tenant_id, wish.runtime_id, wish.landscape_id, %(kind)s::text, wish.generation,
    wish.input || CASE WHEN consent.builds THEN '{{"rebuild": true}}'::jsonb ELSE '{{}}'::jsonb END,
    %(requested_by)s::text, %(request_id)s::text, 'queued', 'active', %(step)s::text, '[]'::jsonb, 0, '', 0,
    greatest({queries.NOW_IN_SERVICE}, tails.tail) + wish.behind, now(), 0, 0, '', now() + %(within)s::interval,
    '', '', '', '', now(), false
FROM wish JOIN tails ON tails.tenant_id = wish.tenant_id
LEFT JOIN LATERAL (
    SELECT o.input -> 'rebuild' = 'true'::jsonb AND (o.kind = 'suspend' OR o.state <> 'succeeded') AS builds
    FROM operations_operation o
    WHERE o.runtime_id = wish.runtime_id AND (o.state <> 'cancelled' OR o.started_at IS NOT NULL OR o.input ? 'rebuild')
    ORDER BY o.id DESC LIMIT 1
) consent ON true
RETURNING {COLUMNS}"""  # noqa: S608 - fragments are constants


@dataclass(frozen=True)
class Wish:
    """A runtime whose newest wish is to be fulfilled, and the operation's input."""

    runtime: Runtime
    input: Mapping[str, Any]


def open_operations(*, actor: Actor, kind: Kind, wishes: Sequence[Wish]) -> list[Operation]:
    """Open one operation on each of these runtimes and return them in the same order; inside the caller's transaction.

    The caller holds the runtimes' locks and has seen that nothing is open on them: the index operation_one_per_slot stands
    behind that. What the last operation of a runtime was to build and did not, this one may build (`opening.open_operation`).
    Raises Refused when no flow serves the kind.
    """
    if not wishes:
        return []
    try:
        flow = flowbook.flow_of(kind.value)
    except Fatal as unknown:
        raise Refused(unknown.code, str(unknown)) from unknown
    params: dict[str, Any] = {
        "ids": [uuid7() for _ in wishes],
        "runtimes": [wish.runtime.pk for wish in wishes],
        "inputs": [json.dumps(dict(wish.input)) for wish in wishes],
        "kind": kind.value,
        "requested_by": actor.name[:160],
        "request_id": actor.request_id[:64],
        "step": flow.steps[0].name,
        "within": flow.deadline,
    }
    by_runtime = {row["runtime_id"]: stored(row) for row in prepared.rows(OPEN_MANY, params)}
    opened = []
    for wish in wishes:
        operation = by_runtime[wish.runtime.pk]
        operation.runtime = wish.runtime
        transport.send_on_commit(operation.pk)
        opened.append(operation)
    return opened
