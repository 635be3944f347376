"""The SQL that brings rollouts forward, each with its reason and the index it rides on.

One tick at a time decides, under an advisory lock that dies with its transaction; whoever does not get it helps to start what
was decided. Every statement says what must be so and makes it so: a tick that was killed, came twice or not at all changes
nothing but time. `%(now)s` is PostgreSQL's own clock, which the tick asks first, or that of a simulation.
"""

from __future__ import annotations

TICK, STARTING = (
    5_200_910,
    5_200_911,
)  # advisory locks: who decides; who starts (shared) or stops everything (alone)

TRY_TICK = f"SELECT pg_try_advisory_xact_lock({TICK}), now()"
HOLD_TICK = f"SELECT pg_advisory_xact_lock({TICK})"
MAY_START = f"SELECT pg_advisory_xact_lock_shared({STARTING})"
HOLD_STARTS = f"SELECT pg_advisory_xact_lock({STARTING})"

# Rides on rollout_under_way; nothing else is asked while nothing is under way.
ANY_UNDER_WAY = """
SELECT EXISTS (SELECT FROM rollouts_rollout WHERE state IN ('running', 'paused', 'halted', 'aborting'))"""
UNDER_WAY = """
SELECT id, name, state, urgent, plan, limits, release_key, selector, tokens, tokens_at, breaker_looks, breaker_height,
    breaker_control_rate, looked_at, still_since, joined_at, started_at, closed_at
FROM rollouts_rollout WHERE state IN ('running', 'paused', 'halted', 'aborting')
ORDER BY urgent DESC, priority DESC, id"""

# Rides on stage_once_per_position.
STAGES = """
SELECT id, position, name, state, since, began_at, deadline_seconds, stood_seconds FROM rollouts_stage
WHERE rollout_id = %(rollout)s::uuid ORDER BY position"""

# Rides on gate_once_per_position and approval_once_per_person.
GATES = """
SELECT g.id, g.side, g.kind, g.settings, g.open, g.reason, g.until, g.since,
    coalesce((SELECT jsonb_agg(jsonb_build_array(a.by, a.at, coalesce(a.person::text, ''))) FROM rollouts_approval a
        WHERE a.gate_id = g.id), '[]') AS approvals
FROM rollouts_gate g WHERE g.stage_id = %(stage)s::bigint AND g.side = %(side)s::text ORDER BY g.position"""

# What every limit is asked of: a few dozen rows, however large the fleet. Rides on lane_once.
LANES = """
SELECT l.id, s.position, s.state, l."group", l.landscape_id, l.region, l.planned, l.waiting, l.blocked, l.ready, l.active,
    l.failed, l.blamed
FROM rollouts_lane l JOIN rollouts_stage s ON s.id = l.stage_id WHERE l.rollout_id = %(rollout)s::uuid"""

# What ended since. A failure that a person's retry of the operation mended counts as done, even of a rollout that ended. An
# operation that a newer wish pushed aside before it began is tried again; one that a delete took along ends with its runtime.
# A failure that only the tenant can mend is theirs, and no budget's. Rides on target_running, target_pages_of_state and the
# operations' primary key; costs nothing while nothing runs.
HARVEST = """
WITH looked AS (
    SELECT t.id, o.state AS ended, o.error_code, o.error_class, o.error_message, o.error_audience, o.step, o.finished_at,
        o.started_at IS NULL AS unbegun, o.cancel_reason, r.phase IN ('deprovisioning', 'deprovisioned') AS gone
    FROM rollouts_target t
    JOIN operations_operation o ON o.id = t.operation_id
    JOIN runtimes_runtime r ON r.id = t.runtime_id
    WHERE t.rollout_id = ANY(%(rollouts)s::uuid[]) AND o.slot IS NULL
      AND (t.state = 'running' OR (t.state = 'failed' AND o.state = 'succeeded'))
    LIMIT 5000 FOR NO KEY UPDATE OF t SKIP LOCKED
), judged AS (
    SELECT *, CASE WHEN ended = 'succeeded' THEN 'succeeded' WHEN gone THEN 'gone'
        WHEN ended = 'cancelled' AND unbegun THEN 'waiting' ELSE 'failed' END AS becomes,
        left(CASE WHEN ended = 'cancelled' THEN 'cancelled' WHEN error_code <> '' THEN error_code
            WHEN error_class <> '' THEN error_class ELSE 'failed' END, 64) AS code
    FROM looked
)
UPDATE rollouts_target t
SET state = j.becomes, since = %(now)s::timestamptz,
    finished_at = CASE WHEN j.becomes <> 'waiting' THEN coalesce(%(clock)s::timestamptz, j.finished_at) END,
    due_at = CASE WHEN j.becomes = 'waiting' THEN %(now)s::timestamptz + interval '1 minute' END,
    reason_code = CASE j.becomes WHEN 'waiting' THEN 'pushed_aside' WHEN 'failed' THEN j.code ELSE '' END,
    reason = left(CASE j.becomes WHEN 'waiting' THEN 'pushed aside: ' || j.cancel_reason
        WHEN 'failed' THEN CASE WHEN j.ended = 'cancelled' THEN j.cancel_reason ELSE j.error_message END ELSE '' END, 500),
    reason_until = NULL,
    error_code = CASE WHEN j.becomes = 'failed' THEN j.code ELSE '' END,
    error_audience = CASE WHEN j.becomes = 'failed' THEN j.error_audience ELSE '' END,
    signature = CASE WHEN j.becomes = 'failed' THEN left(j.code || '@' || j.step, 160) ELSE '' END,
    blamed = j.becomes = 'failed' AND j.ended = 'failed' AND j.error_audience <> 'tenant'
FROM judged j WHERE t.id = j.id AND t.state IN ('running', 'failed')
RETURNING t.rollout_id, t.state"""

# A stage begins: its members wait, for now until this moment; who joined lately and was told then, until that notice is over.
# Rides on target_pages_of_stage.
BEGIN_STAGE = """
UPDATE rollouts_target SET state = 'waiting', since = %(now)s::timestamptz,
    due_at = greatest(%(now)s::timestamptz, reason_until),
    reason_code = CASE WHEN reason_until > %(now)s::timestamptz THEN 'notice' ELSE 'stage' END,
    reason = CASE WHEN reason_until > %(now)s::timestamptz THEN reason ELSE 'stage begins' END
WHERE stage_id = %(stage)s::bigint AND state = 'planned'"""

# Whoever is to be looked at again, with all that decides it. Rides on target_due; others have no such members.
DUE = """
SELECT t.id, t.runtime_id, r.tenant_id, r.plan_id
FROM rollouts_target t JOIN runtimes_runtime r ON r.id = t.runtime_id
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('waiting', 'blocked') AND t.due_at <= %(now)s::timestamptz
ORDER BY t.due_at LIMIT %(most)s::int FOR NO KEY UPDATE OF t SKIP LOCKED"""

# The reason of who is ready is told when it is read: how many places there are changes all the time. Rides on the primary key.
MAKE_READY = """
UPDATE rollouts_target t
SET state = 'ready', since = %(now)s::timestamptz, due_at = NULL, closes_at = m.closes, reason_code = 'place',
    reason = 'waits for a free place', reason_until = NULL  -- as budget.FREE_PLACE says it
FROM unnest(%(ids)s::uuid[], %(closes)s::timestamptz[]) AS m(id, closes)
WHERE t.id = m.id AND t.state IN ('waiting', 'blocked')"""

# Sets targets back with their reasons; guarded by the states that it may leave. Rides on the primary key.
HOLD = """
UPDATE rollouts_target t
SET state = m.state, since = CASE WHEN t.state = m.state AND t.reason_code = m.code THEN t.since ELSE %(now)s::timestamptz END,
    due_at = m.due, closes_at = NULL, reason_code = m.code, reason = m.reason, reason_until = m.until,
    finished_at = CASE WHEN m.state IN ('succeeded', 'gone') THEN %(now)s::timestamptz END, started_at = NULL
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(codes)s::text[], %(reasons)s::text[], %(dues)s::timestamptz[],
    %(untils)s::timestamptz[]) AS m(id, state, code, reason, due, until)
WHERE t.id = m.id AND t.state IN ('waiting', 'blocked', 'ready', 'starting')"""

# The heads of every lane that has a free place, with what could keep each of them. Rides on target_queue,
# target_one_at_a_time, target_of_runtime and operation_one_per_slot: O(free places), not O(fleet).
CANDIDATES = """
SELECT c.id, c.lane_id, c.closes_at, r.phase, r.release_key, r.suspended_for <> '[]'::jsonb AS suspended,
    r.status ->> 'situation' AS situation,
    (SELECT o.kind FROM operations_operation o WHERE o.runtime_id = c.runtime_id AND o.slot = 'active'
        AND NOT (o.kind = 'upgrade' AND o.input ->> 'release' = %(release)s::text)) AS busy,
    (SELECT other.name FROM rollouts_target rival JOIN rollouts_rollout other ON other.id = rival.rollout_id
        WHERE rival.runtime_id = c.runtime_id AND rival.state IN ('starting', 'running') LIMIT 1) AS rival,
    CASE WHEN NOT %(urgent)s::boolean THEN (SELECT other.name FROM rollouts_target ahead
        JOIN rollouts_rollout other ON other.id = ahead.rollout_id
        WHERE ahead.runtime_id = c.runtime_id AND ahead.state IN ('planned', 'waiting', 'ready')
            AND other.urgent AND other.state = 'running' LIMIT 1) END AS urgent_rival
FROM unnest(%(lanes)s::bigint[], %(most)s::int[]) AS lane(id, most)
CROSS JOIN LATERAL (
    SELECT t.id, t.lane_id, t.runtime_id, t.closes_at, t.priority, t.position FROM rollouts_target t
    WHERE t.lane_id = lane.id AND t.state = 'ready' ORDER BY t.priority DESC, t.position LIMIT lane.most
) c
JOIN runtimes_runtime r ON r.id = c.runtime_id
ORDER BY c.priority DESC, c.position"""

# Takes the places. Rides on the primary key; target_one_at_a_time stands behind it.
CLAIM = """
UPDATE rollouts_target t
SET state = 'starting', since = %(now)s::timestamptz, started_at = %(now)s::timestamptz, finished_at = NULL,
    reason_code = '', reason = '', reason_until = NULL, attempts = t.attempts + 1, operation_id = NULL,
    release_before = r.release_key,
    healthy_before = coalesce(r.status ->> 'situation', 'ready') NOT IN ('unhealthy', 'failed')
FROM runtimes_runtime r
WHERE t.id = ANY(%(ids)s::uuid[]) AND t.state = 'ready' AND r.id = t.runtime_id"""

# A few starts, by whoever comes first: passed by while somebody is at them, and none while its rollout stands still or, whatever
# its rollout says, everything is stopped. What was decided and not ordered before a crash is found here again. Rides on
# target_starting and emergency_stop_one_engaged.
TAKE_START = """
WITH mine AS (
    SELECT t.id, ro.release_key, ro.urgent FROM rollouts_target t JOIN rollouts_rollout ro ON ro.id = t.rollout_id
    WHERE t.state = 'starting' AND ro.state = 'running'
      AND NOT EXISTS (SELECT FROM rollouts_emergencystop e WHERE e.released_at IS NULL)
      AND (t.closes_at IS NULL OR t.closes_at > coalesce(%(clock)s::timestamptz, now()))
    ORDER BY t.since LIMIT %(most)s::int FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE rollouts_target t SET state = 'running' FROM mine WHERE t.id = mine.id
RETURNING t.id, t.runtime_id, mine.release_key, mine.urgent"""
BIND = """
UPDATE rollouts_target t SET operation_id = m.operation
FROM unnest(%(ids)s::uuid[], %(operations)s::uuid[]) AS m(id, operation) WHERE t.id = m.id"""

# What the door refused is decided still, until it is sent back: no counter is touched while runtimes are locked.
LET_GO = "UPDATE rollouts_target SET state = 'starting' WHERE id = ANY(%(ids)s::uuid[]) AND state = 'running'"

# What the door refused: back from its place, guarded by it. Rides on the primary key.
SEND_BACK = """
UPDATE rollouts_target t
SET state = m.state, since = %(now)s::timestamptz, reason_code = m.code, reason = m.reason, reason_until = NULL,
    started_at = NULL, due_at = CASE WHEN m.state IN ('waiting', 'blocked') THEN %(now)s::timestamptz + m.after END,
    finished_at = CASE WHEN m.state IN ('succeeded', 'gone') THEN %(now)s::timestamptz END
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(codes)s::text[], %(reasons)s::text[], %(afters)s::interval[])
    AS m(id, state, code, reason, after)
WHERE t.id = m.id AND t.state = 'starting'"""

# A start that was decided while a window was open, and not ordered before it closed, waits for the next one. Rides on
# target_starting.
GIVE_BACK_LATE = """
UPDATE rollouts_target
SET state = 'waiting', since = %(now)s::timestamptz, due_at = %(now)s::timestamptz, started_at = NULL, reason_code = 'window',
    reason = 'its maintenance window closed before it could start'
WHERE state = 'starting' AND closes_at <= %(now)s::timestamptz"""

# A rollout that stands still gives its untaken places back. Rides on target_starting.
GIVE_BACK = """
UPDATE rollouts_target
SET state = 'waiting', since = %(now)s::timestamptz, due_at = %(now)s::timestamptz, started_at = NULL, reason_code = 'stopped',
    reason = 'was about to start when the rollout stopped'
WHERE rollout_id = %(rollout)s::uuid AND state = 'starting'"""

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

# Whoever waits longer than its stage's deadline is left behind with its last reason. Rides on target_due.
LEAVE = """
UPDATE rollouts_target t
SET state = 'left_behind', since = %(now)s::timestamptz, due_at = NULL, finished_at = %(now)s::timestamptz
FROM rollouts_stage s
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('waiting', 'blocked') AND s.id = t.stage_id AND s.state = 'passed'
  AND s.began_at + make_interval(secs => s.deadline_seconds) <= %(now)s::timestamptz"""

# Of a rollout that was closed, or aborted, nothing begins any more: whoever came back, because a newer wish pushed its operation
# aside or its place was given back, is left behind with that reason. Only where somebody waits. Rides on target_pages_of_state.
LEAVE_ENDED = """
UPDATE rollouts_target
SET state = 'left_behind', since = %(now)s::timestamptz, due_at = NULL, closes_at = NULL, finished_at = %(now)s::timestamptz
WHERE rollout_id = %(rollout)s::uuid AND state IN ('planned', 'waiting', 'blocked', 'ready')"""

# And so is who would be ready, had not more of its place or group failed than may. Where places have budgets of their own only.
# Rides on target_pages_of_stage.
LEAVE_OVER_BUDGET = """
UPDATE rollouts_target t
SET state = 'left_behind', since = %(now)s::timestamptz, closes_at = NULL, finished_at = %(now)s::timestamptz
FROM rollouts_stage s
WHERE s.rollout_id = %(rollout)s::uuid AND s.state = 'passed'
  AND s.began_at + make_interval(secs => s.deadline_seconds) <= %(now)s::timestamptz
  AND t.stage_id = s.id AND t.state = 'ready' AND t.reason_code = 'over_budget'"""

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

# Says of those at work where they are, and whether that takes longer than it did for 19 of the last 20. Every quarter of a
# minute; only what changed is written. Rides on target_running and operation_recent.
TELL_PROGRESS = """
WITH lately AS (
    SELECT steps_done FROM operations_operation WHERE kind = 'upgrade' AND state = 'succeeded'
    ORDER BY finished_at DESC LIMIT 200
), usual AS (
    SELECT e ->> 'step' AS step, percentile_cont(0.95) WITHIN GROUP (ORDER BY (e ->> 'seconds')::float) AS p95
    FROM lately, jsonb_array_elements(lately.steps_done) e WHERE NOT e ? 'skipped' GROUP BY 1
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

# Seconds that upgrades took lately, of this rollout first. Rides on target_done_lately.
PAST = """
SELECT extract(epoch FROM finished_at - started_at)::float AS seconds FROM rollouts_target
WHERE state = 'succeeded' AND started_at IS NOT NULL ORDER BY finished_at DESC LIMIT %(most)s::int"""

# Facts of every runtime that a selector may ask about; `{narrowed}` says which. Rides on runtime_by_release or primary keys.
MEMBERS = """
SELECT r.id, r.tenant_id, t.slug AS tenant, a.slug AS account, r.name, r.plan_id, r.region, l.key AS landscape, r.landscape_id,
    r.channel, r.release_key, coalesce(r.spec #>> '{{release,kubernetes}}', '') AS kubernetes, r.labels,
    coalesce(r.status ->> 'situation', 'ready') NOT IN ('unhealthy', 'failed') AS healthy, r.pinned,
    r.suspended_for <> '[]'::jsonb AS suspended, r.first_ready_at IS NULL AS unbuilt,
    (SELECT array_agg(DISTINCT pool ->> 'architecture') FROM jsonb_array_elements(r.cluster_spec -> 'pools') pool)
        AS architectures
FROM runtimes_runtime r JOIN tenants_tenant t ON t.id = r.tenant_id JOIN tenants_account a ON a.id = r.account_id
JOIN landscapes_landscape l ON l.id = r.landscape_id
WHERE r.deleted_at IS NULL AND r.release_key <> %(release)s::text {narrowed}"""
NOT_MEMBERS_YET = "AND NOT EXISTS (SELECT FROM rollouts_target x WHERE x.rollout_id = %(rollout)s::uuid AND x.runtime_id = r.id)"

# The runtimes of this selection that another rollout is to upgrade. Rides on target_of_runtime.
OVERLAPPING = """
SELECT other.name, count(*)::int FROM rollouts_target t JOIN rollouts_rollout other ON other.id = t.rollout_id
WHERE t.runtime_id = ANY(%(runtimes)s::uuid[]) AND t.state IN ('planned', 'waiting', 'blocked', 'ready', 'starting', 'running')
  AND other.state IN ('running', 'paused', 'halted', 'aborting') AND other.id <> %(rollout)s::uuid
GROUP BY other.name ORDER BY 2 DESC LIMIT 3"""
