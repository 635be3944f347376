"""The SQL of what is looked at every quarter of a minute: who is done, at work or left behind, and what time has stood still.

Everything here is asked under the look's lock, as `queries` has it.
"""

from __future__ import annotations

from provisioner.rollouts.left_behind import LAST_REASON

# When whoever waits is waited for no longer: its stage's deadline, later by what its rollout stood still and by what is its own.
# Never, while who was tried again was not looked at yet.
_OVERDUE = "s.began_at + make_interval(secs => s.deadline_seconds + s.stood_seconds + t.longer_seconds) <= %(now)s::timestamptz"

# A rollout that does not run stands still from the look on that saw it run last. Once each time; rides on the primary key.
STANDS_STILL = """
UPDATE rollouts_rollout SET still_since = coalesce(looked_at, %(now)s::timestamptz)
WHERE id = %(rollout)s::uuid AND still_since IS NULL AND state IN ('paused', 'halted', 'aborting')"""

# It runs again: no stage that has begun lost any of its time meanwhile. Once each time; rides on the primary key and
# stage_once_per_position.
GOES_ON = """
WITH stood AS (
    SELECT id, still_since FROM rollouts_rollout WHERE id = %(rollout)s::uuid AND still_since IS NOT NULL AND state = 'running'
), forgotten AS (
    UPDATE rollouts_rollout r SET still_since = NULL FROM stood WHERE r.id = stood.id
)
UPDATE rollouts_stage s
SET stood_seconds = s.stood_seconds
    + greatest(0, extract(epoch FROM %(now)s::timestamptz - greatest(stood.still_since, s.began_at)))
FROM stood WHERE s.rollout_id = stood.id AND s.began_at IS NOT NULL"""

# Whose own people brought it to the release, or a newer one, while it waited: it is done. Whose people removed it meanwhile is
# gone, and holds its stage up no longer. Every quarter of a minute. Rides on target_due.
ON_IT = """
UPDATE rollouts_target t SET state = CASE WHEN r.deleted_at IS NULL THEN 'succeeded' ELSE 'gone' END,
    since = %(now)s::timestamptz, finished_at = %(now)s::timestamptz, due_at = NULL,
    reason_code = CASE WHEN r.deleted_at IS NULL THEN '' ELSE 'gone' END,
    reason = CASE WHEN r.deleted_at IS NULL THEN '' ELSE 'deleted' END, reason_until = NULL
FROM runtimes_runtime r
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('waiting', 'blocked') AND r.id = t.runtime_id
  AND (r.deleted_at IS NOT NULL OR (r.release_key = ANY(%(releases)s::text[]) AND r.phase = 'ready'))"""

# Whoever waits longer than its stage's deadline, or its own, is left behind with its last reason. Rides on target_due.
LEAVE = f"""
UPDATE rollouts_target t
SET state = 'left_behind', since = %(now)s::timestamptz, due_at = NULL, finished_at = %(now)s::timestamptz,
    reason = {LAST_REASON}
FROM rollouts_stage s
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('waiting', 'blocked') AND s.id = t.stage_id AND s.state = 'passed'
  AND {_OVERDUE}"""  # noqa: S608

# And so is who would be ready, had not more of its place or group failed than may. Where places have budgets of their own only.
# Rides on target_pages_of_stage.
LEAVE_OVER_BUDGET = f"""
UPDATE rollouts_target t
SET state = 'left_behind', since = %(now)s::timestamptz, closes_at = NULL, finished_at = %(now)s::timestamptz,
    reason = {LAST_REASON}
FROM rollouts_stage s
WHERE s.rollout_id = %(rollout)s::uuid AND s.state = 'passed' AND {_OVERDUE}
  AND t.stage_id = s.id AND t.state = 'ready' AND t.reason_code = 'over_budget'"""  # noqa: S608

# Healthy before, and now? Upgraded ones since their own start, the others since the rollout's. Every quarter of a minute.
# Rides on target_once_per_rollout and the runtimes' primary key.
COHORTS = """
SELECT count(*) FILTER (WHERE t.state = 'succeeded')::int, count(*) FILTER (WHERE t.state = 'succeeded' AND bad.now)::int,
    count(*) FILTER (WHERE t.state <> 'succeeded')::int, count(*) FILTER (WHERE t.state <> 'succeeded' AND bad.now)::int
FROM rollouts_target t JOIN runtimes_runtime r ON r.id = t.runtime_id
CROSS JOIN LATERAL (SELECT coalesce(r.status ->> 'situation', '') IN ('unhealthy', 'failed') AS now) bad
WHERE t.rollout_id = %(rollout)s::uuid AND t.healthy_before
  AND t.state IN ('succeeded', 'planned', 'waiting', 'blocked', 'ready')"""

# Says of those who are ready whether their place is over its failure budget, and no longer when it is not. Every quarter of a
# minute, where places have budgets of their own; only what changed is written. Rides on target_queue.
TELL_BUDGETS = """
UPDATE rollouts_target t SET reason_code = m.code, reason = m.reason
FROM unnest(%(lanes)s::bigint[], %(codes)s::text[], %(reasons)s::text[]) AS m(lane, code, reason)
WHERE t.lane_id = m.lane AND t.state = 'ready' AND (t.reason_code, t.reason) IS DISTINCT FROM (m.code, m.reason)"""

# Those that were upgraded last. Rides on target_once_per_rollout.
UPGRADED = """
SELECT runtime_id, started_at, finished_at FROM rollouts_target
WHERE rollout_id = %(rollout)s::uuid AND state = 'succeeded' AND started_at IS NOT NULL AND finished_at IS NOT NULL
ORDER BY finished_at DESC LIMIT %(most)s::int"""

# Says of those at work where they are, and whether that takes longer than it did for 19 of the last 20; steps that gave up, or
# were skipped, count for nothing. Every quarter of a minute; only what changed is written. Rides on target_running and
# operation_recent.
TELL_PROGRESS = """
WITH lately AS (
    SELECT steps_done FROM operations_operation WHERE kind = 'upgrade' AND state = 'succeeded'
    ORDER BY finished_at DESC LIMIT 200
), usual AS (
    SELECT e ->> 'step' AS step, percentile_cont(0.95) WITHIN GROUP (ORDER BY (e ->> 'seconds')::float) AS p95
    FROM lately, jsonb_array_elements(lately.steps_done) e WHERE NOT e ? 'skipped' AND NOT e ? 'failed' GROUP BY 1
), told AS (
    SELECT t.id, CASE WHEN o.state = 'paused' THEN 'paused' WHEN at.seconds > 60 AND at.seconds > 2 * u.p95 THEN 'stuck'
            WHEN o.state = 'waiting' THEN 'working' ELSE 'working' END AS code,
        left(CASE WHEN o.state = 'paused' THEN o.reason
            WHEN at.seconds > 60 AND at.seconds > 2 * u.p95 THEN 'stuck in step ' || at.title || ' for '
                || round(at.seconds / 60) || ' min where p95 is ' || greatest(round(u.p95 / 60), 1)
            ELSE 'in step ' || at.title || CASE WHEN o.reason <> '' THEN ': ' || o.reason ELSE '' END END, 500) AS reason
    FROM rollouts_target t JOIN operations_operation o ON o.id = t.operation_id
    CROSS JOIN LATERAL (SELECT extract(epoch FROM now() - coalesce(o.step_started_at, o.created_at)) AS seconds,
        '“' || coalesce(%(titles)s::jsonb ->> o.step, o.step) || '”' AS title) at
    LEFT JOIN usual u ON u.step = o.step
    WHERE t.rollout_id = %(rollout)s::uuid AND t.state = 'running' AND o.slot IS NOT NULL
)
UPDATE rollouts_target t SET reason_code = told.code, reason = told.reason FROM told
WHERE t.id = told.id AND (t.reason_code, t.reason) IS DISTINCT FROM (told.code, told.reason)"""

# By how much those who wait may wait longer than their stages: where anybody may. Rides on target_pages_of_state.
LONGER = """
SELECT stage_id AS stage, max(longer_seconds)::float AS seconds FROM rollouts_target
WHERE rollout_id = %(rollout)s::uuid AND state = 'waiting' AND longer_seconds > 0 GROUP BY 1"""
