"""Settles what the observer has seen fulfilled: nobody has to claim an operation whose step would only believe that sight."""

# ruff: noqa: S608 - every fragment is a constant of this room; values travel as parameters

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from controlplane.tenants.isolation import prepared
from provisioner.operations import engine, flowbook, ledger
from provisioner.operations.queries import PLACE_BEHIND
from provisioner.runtimes.phases import PHASES_OF, Kind

# What a worker writes by CLAIM and SETTLE, of all operations of a batch at once: those that wait, in whose flow nothing but the
# landscape's readiness stood between a runtime and its people, and that ordered what was seen. Whatever is out of the ordinary is
# a worker's to decide: a wish behind or newer, a deadline that is over, a fault, a pause. `ends` says which steps those are, and
# what comes behind them. A worker that is late finds its fence outgrown. Locks the runtimes first, as everybody; the caller has
# written their sights in the same transaction and holds them. Rides on primary keys and on operation_one_per_slot.
SETTLE_SEEN = f"""
WITH seen AS (
    SELECT o.id, o.tenant_id, o.attempts, ends.*
    FROM runtimes_runtime r
    JOIN operations_operation o ON o.runtime_id = r.id AND o.slot = 'active'
    JOIN jsonb_to_recordset(%(ends)s::jsonb)
        AS ends(of_kind text, ran text, next text, progress smallint, seconds float8, phase text)
        ON ends.of_kind = o.kind AND ends.ran = o.step
    WHERE r.id = ANY(%(runtimes)s::uuid[]) AND r.generation = o.generation
      AND r.status ->> 'situation' = 'ready' AND r.status -> 'owner' ->> 'operation' = o.id::text
      AND o.state = 'waiting' AND o.error_class = '' AND NOT o.background AND o.deadline > now()
      AND o.pause_requested_at IS NULL AND o.cancel_requested_at IS NULL
      AND NOT EXISTS (SELECT FROM operations_operation n WHERE n.runtime_id = r.id AND n.slot = 'next')
    ORDER BY o.id FOR NO KEY UPDATE OF r, o
), placed AS (
    SELECT id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) - 1 AS place FROM seen
), queues AS (
    SELECT own.tenant_id, {PLACE_BEHIND.format(tenant="own.tenant_id")} AS share FROM (SELECT DISTINCT tenant_id FROM seen) own
), moved AS (
    UPDATE operations_operation o
    SET state = 'running', background = true, share = queues.share + placed.place, due_at = now(),
        fence = greatest(o.fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
        step = seen.next, progress = seen.progress, attempts = 0, reason = %(reason)s::text,
        deadline = now() + make_interval(secs => seen.seconds), step_started_at = NULL, step_deadline = NULL, lease_until = NULL,
        error_code = '', error_message = '', error_audience = '',
        steps_done = o.steps_done || jsonb_build_object('step', seen.ran, 'at', now(),
            'seconds', round(extract(epoch FROM now() - coalesce(o.step_started_at, now())), 3))
    FROM seen, placed, queues
    WHERE o.id = seen.id AND placed.id = seen.id AND queues.tenant_id = seen.tenant_id
    RETURNING o.id, o.tenant_id, o.runtime_id, o.generation, o.fence, seen.ran, seen.attempts, seen.phase
), kept AS (
    INSERT INTO operations_operationattempt
        (tenant_id, operation_id, step, number, fence, outcome, error_class, error_code, message, started_at, finished_at)
    SELECT tenant_id, id, ran, attempts + 1, fence, 'done', '', '', '', now(), now() FROM moved
), told AS (
    UPDATE runtimes_runtime r
    SET phase = moved.phase, message = '', observed_generation = greatest(r.observed_generation, moved.generation),
        updated_at = now()
    FROM moved WHERE r.id = moved.runtime_id
)
SELECT id FROM moved"""


def settle_seen(runtime_ids: Sequence[UUID]) -> list[UUID]:
    """Let these runtimes' people use what was just seen ready, and return whose operations go on in the background now."""
    params = {"runtimes": list(runtime_ids), "ends": _ends(), "reason": ledger.BEHIND}
    return [row["id"] for row in prepared.rows(SETTLE_SEEN, params)]


def _ends() -> str:
    """Return the steps that end by the observer's sight and settle their flow's runtime, with what comes behind them."""
    found = []
    for kind, flow in flowbook.all_flows().items():
        names = flow.names()
        if flow.settles not in names[:-1] or not flow.step(flow.settles).ends_when_ready:
            continue
        following = names[names.index(flow.settles) + 1]
        found.append(
            {
                "of_kind": kind,
                "ran": flow.settles,
                "next": following,
                "progress": engine.percent(flow, following),
                "seconds": flow.deadline.total_seconds(),
                "phase": PHASES_OF[Kind(kind)].succeeded.value,
            }
        )
    return json.dumps(found)
