"""The SQL that brings rollouts forward, each with its reason and the index it rides on.

One tick at a time decides, under an advisory lock that dies with its transaction; whoever does not get it helps to start what
was decided. Every statement says what must be so and makes it so: a tick that was killed, came twice or not at all changes
nothing but time. `%(now)s` is PostgreSQL's own clock, which the tick asks first, or that of a simulation.
"""

from __future__ import annotations

from provisioner.rollouts.left_behind import LAST_REASON

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

# What ended since. A failure that a person's retry of the operation mended counts as done while its rollout is under way; one
# that has ended keeps what came to be, and who is still behind is asked of the runtimes (`reading_queries`). An operation that a
# newer wish pushed aside before it began is tried again; one that a delete took along ends with its runtime. A failure that only
# the tenant can mend is theirs, and no budget's. Rides on target_running, target_pages_of_state and the operations' primary key;
# costs nothing while nothing runs.
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

# A stage begins: its members wait, for now until this moment; who joined lately and was told then, until that notice is over,
# behind which the stage's deadline counts for it. Rides on target_pages_of_stage.
BEGIN_STAGE = """
UPDATE rollouts_target SET state = 'waiting', since = %(now)s::timestamptz,
    due_at = greatest(%(now)s::timestamptz, reason_until),
    reason_code = CASE WHEN reason_until > %(now)s::timestamptz THEN 'notice' ELSE 'stage' END,
    reason = CASE WHEN reason_until > %(now)s::timestamptz THEN reason ELSE 'stage begins' END,
    longer_seconds = greatest(0, extract(epoch FROM reason_until - %(now)s::timestamptz))
WHERE stage_id = %(stage)s::bigint AND state = 'planned'"""

# Whoever is to be looked at again, with all that decides it. Rides on target_due; others have no such members.
DUE = """
SELECT t.id, t.runtime_id, r.tenant_id, r.plan_id
FROM rollouts_target t JOIN runtimes_runtime r ON r.id = t.runtime_id
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('waiting', 'blocked') AND t.due_at <= %(now)s::timestamptz
ORDER BY t.due_at LIMIT %(most)s::int FOR NO KEY UPDATE OF t SKIP LOCKED"""

# Of who was tried again the deadline counts anew, from the first look on that comes to it; is its window shut then, from when
# that opens.
_ANEW = """coalesce(t.longer_seconds, (SELECT greatest(0,
        extract(epoch FROM greatest(%(now)s::timestamptz, {until}) - s.began_at) - s.stood_seconds)
        FROM rollouts_stage s WHERE s.id = t.stage_id))"""

# The reason of who is ready is told when it is read: how many places there are changes all the time. Rides on the primary key.
MAKE_READY = f"""
UPDATE rollouts_target t
SET state = 'ready', since = %(now)s::timestamptz, due_at = NULL, closes_at = m.closes, reason_code = 'place',
    reason = 'waits for a free place', reason_until = NULL,  -- as budget.FREE_PLACE says it
    longer_seconds = {_ANEW.format(until="NULL")}
FROM unnest(%(ids)s::uuid[], %(closes)s::timestamptz[]) AS m(id, closes)
WHERE t.id = m.id AND t.state IN ('waiting', 'blocked')"""  # noqa: S608

# Sets targets back with their reasons; guarded by the states that it may leave. Rides on the primary key.
HOLD = f"""
UPDATE rollouts_target t
SET state = m.state, since = CASE WHEN t.state = m.state AND t.reason_code = m.code THEN t.since ELSE %(now)s::timestamptz END,
    due_at = m.due, closes_at = NULL, reason_code = m.code, reason = m.reason, reason_until = m.until,
    finished_at = CASE WHEN m.state IN ('succeeded', 'gone') THEN %(now)s::timestamptz END, started_at = NULL,
    longer_seconds = {_ANEW.format(until="m.until")}
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(codes)s::text[], %(reasons)s::text[], %(dues)s::timestamptz[],
    %(untils)s::timestamptz[]) AS m(id, state, code, reason, due, until)
WHERE t.id = m.id AND t.state IN ('waiting', 'blocked', 'ready', 'starting')"""  # noqa: S608

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

# Of a rollout that was closed, or aborted, nothing begins any more: whoever came back, because a newer wish pushed its operation
# aside or its place was given back, is left behind with that reason. Only where somebody waits. Rides on target_pages_of_state.
LEAVE_ENDED = f"""
UPDATE rollouts_target t
SET state = 'left_behind', since = %(now)s::timestamptz, due_at = NULL, closes_at = NULL, finished_at = %(now)s::timestamptz,
    reason = {LAST_REASON}
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('planned', 'waiting', 'blocked', 'ready')"""  # noqa: S608

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
