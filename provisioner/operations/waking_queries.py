"""The SQL of the sweep and of wake-up calls: what makes waiting operations due; as in `queries`, time is PostgreSQL's."""

# ruff: noqa: S608 - every fragment is a constant of this room; values travel as parameters

from __future__ import annotations

from provisioner.operations.queries import (
    BEHIND_ITS_TENANT,
    CLAIMABLE,
    CLAIMABLE_BEHIND,
    HELD_BACK,
    NOW_IN_SERVICE,
    PLACE_BEHIND,
)

# Makes waiting operations due, each at its tenant's place in its queue, so that five hundred that wake together stand behind
# one another and not in front of everybody else. `{chosen}` says which, and locks them.
_MAKE_DUE = f"""
WITH chosen AS ({{chosen}}
), placed AS (
    SELECT id, row_number() OVER (PARTITION BY tenant_id, background ORDER BY due_at, id) - 1 AS place FROM chosen
), queues AS (
    SELECT own.tenant_id, own.background, CASE WHEN own.background THEN {PLACE_BEHIND.format(tenant="own.tenant_id")}
        ELSE greatest({NOW_IN_SERVICE}, {BEHIND_ITS_TENANT.format(tenant="own.tenant_id")}) END AS place
    FROM (SELECT DISTINCT tenant_id, background FROM chosen) own
)
UPDATE operations_operation o
SET state = CASE WHEN o.started_at IS NULL THEN 'queued' ELSE 'running' END, due_at = now(),
    share = queues.place + placed.place
FROM placed, queues
WHERE o.id = placed.id AND queues.tenant_id = o.tenant_id AND queues.background = o.background
RETURNING o.id"""

# The sweep: waits whose time has come. Rides on operation_sweep; costs nothing while none has.
END_WAITS = _MAKE_DUE.format(
    chosen="""
    SELECT id, tenant_id, background, due_at FROM operations_operation
    WHERE slot = 'active' AND state = 'waiting' AND due_at <= now()
    ORDER BY due_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED"""
)

# The observer's call, first half: what a worker holds now looks again as soon as its step ends (see CHECKPOINT). Ordered, so that
# two callers never wait for each other. Rides on operation_one_per_slot.
COUNT_WAKE = """
UPDATE operations_operation SET wakes = wakes + 1
WHERE id IN (SELECT id FROM operations_operation
             WHERE runtime_id = ANY(%(runtimes)s) AND slot = 'active' AND state = 'running' ORDER BY id FOR NO KEY UPDATE)
  AND state = 'running'"""

# Second half: what waits for the landscape waits no more; a backoff, a budget or a breaker is not the observer's to end.
# Rides on operation_one_per_slot.
END_WAITS_OF = _MAKE_DUE.format(
    chosen="""
    SELECT id, tenant_id, background, due_at FROM operations_operation
    WHERE runtime_id = ANY(%(runtimes)s) AND slot = 'active' AND state = 'waiting' AND error_class = ''
    ORDER BY id FOR NO KEY UPDATE"""
)

# A landscape answers again: whoever was refused meanwhile need not wait out their time; the first of them is the probe. Once an
# outage, so it may ride on operation_sweep.
END_REFUSALS_OF = _MAKE_DUE.format(
    chosen="""
    SELECT id, tenant_id, background, due_at FROM operations_operation
    WHERE slot = 'active' AND state = 'waiting' AND error_code = 'not_answering' AND landscape_id = %(landscape)s
    ORDER BY due_at LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED"""
)

# The sweep: wishes whose active operation ended while they were written, or that were held back then. Rides on operation_next
# and operation_one_per_slot.
START_ORPHANS = f"""
UPDATE operations_operation n
SET slot = 'active', due_at = now(), kind = orphan.kind, step = %(starts)s::jsonb -> orphan.kind ->> 'step',
    deadline = now() + make_interval(secs => (%(starts)s::jsonb -> orphan.kind ->> 'seconds')::float),
    share = greatest({NOW_IN_SERVICE}, {BEHIND_ITS_TENANT.format(tenant="orphan.tenant_id")})
FROM (
    SELECT w.id, w.tenant_id,
        CASE WHEN w.kind = 'update' AND r.first_ready_at IS NULL THEN 'provision' ELSE w.kind END AS kind
    FROM operations_operation w JOIN runtimes_runtime r ON r.id = w.runtime_id
    WHERE w.slot = 'next' AND NOT EXISTS (
        SELECT FROM operations_operation a WHERE a.runtime_id = w.runtime_id AND a.slot = 'active')
      AND NOT ({HELD_BACK.format(kind="w.kind", runtime="r")})
    LIMIT 100 FOR NO KEY UPDATE OF w, r SKIP LOCKED
) orphan
WHERE n.id = orphan.id
RETURNING n.id"""

# How many operations a worker could take now, up to a bound; a few of the background's are enough for workers to begin with it,
# and in a rush each would be looked for in vain. Rides on operation_claim_first and operation_claim_behind.
_DUE = "SELECT 1 FROM operations_operation WHERE {queue} AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())"
COUNT_DUE = f"""
SELECT count(*) FROM (
    ({_DUE.format(queue=CLAIMABLE)} LIMIT %(most)s) UNION ALL ({_DUE.format(queue=CLAIMABLE_BEHIND)} LIMIT %(few)s)
    LIMIT %(most)s) due"""

# One sweep at a time in the whole installation; the lock goes with the transaction.
SWEEP_LOCK = "SELECT pg_try_advisory_xact_lock(%(key)s)"
