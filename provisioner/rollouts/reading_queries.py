"""The SQL of pages about rollouts: none reads a fleet to show a page of it."""

from __future__ import annotations

COUNTS = "planned, waiting, blocked, ready, active, succeeded, failed, blamed, skipped, left_behind, gone"
_SUMS = ", ".join(f"sum(l.{name})::int AS {name}" for name in COUNTS.split(", "))

# Progress of a page of rollouts. Rides on lane_once.
OF_ROLLOUTS = f"""
SELECT l.rollout_id AS id, {_SUMS} FROM rollouts_lane l WHERE l.rollout_id = ANY(%(rollouts)s::uuid[]) GROUP BY 1"""  # noqa: S608

# Stages of one rollout with what is counted in them. Rides on stage_once_per_position and lane_once.
STAGES = f"""
SELECT s.id, s.position, s.name, s.state, s.hold, s.total, s.since, s.began_at, s.passed_at, s.deadline_seconds,
    s.stood_seconds, {_SUMS}
FROM rollouts_stage s LEFT JOIN rollouts_lane l ON l.rollout_id = s.rollout_id AND l.stage_id = s.id
WHERE s.rollout_id = %(rollout)s::uuid GROUP BY s.id ORDER BY s.position"""  # noqa: S608

# The same by landscape and region. Rides on lane_once.
PLACES = f"""
SELECT p.key AS landscape, l.region, {_SUMS}
FROM rollouts_lane l JOIN landscapes_landscape p ON p.id = l.landscape_id
WHERE l.rollout_id = %(rollout)s::uuid GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608

# What one of those who wait says now. A tally keeps what was said when somebody last came to it, but windows are moved while they
# wait, and whoever said it may have gone. Rides on target_pages_of_reason.
_SAID_NOW = """
SELECT x.reason FROM rollouts_target x
WHERE x.rollout_id = {rollout} AND x.reason_code = {code} AND x.state = {state} AND {state} IN ('waiting', 'blocked')
ORDER BY x.position LIMIT 1"""
SAID_NOW = f"""
SELECT w.state, w.code, n.reason FROM unnest(%(states)s::text[], %(codes)s::text[]) AS w (state, code)
CROSS JOIN LATERAL ({_SAID_NOW.format(rollout="%(rollout)s::uuid", code="w.code", state="w.state")}) n"""  # noqa: S608

# Why not, over every rollout under way: a rollout's or a stage's own hold stands before that of members who wait for it. Reads
# tallies, a few dozen a rollout, however many targets. Rides on rollout_under_way and tally_once.
WHY_NOT_GROUPS = f"""
SELECT CASE WHEN h.holds THEN r.state WHEN t.state = 'planned' THEN 'stage' ELSE t.code END AS code,
    max(CASE
        WHEN h.holds THEN r.hold WHEN t.state = 'planned' AND b.hold <> '' THEN b.hold ELSE coalesce(n.reason, t.sample)
    END) AS reason,
    sum(t.targets)::int AS targets, min(t.first_at) AS first_at, max(t.last_at) AS last_at,
    array_agg(DISTINCT r.name) AS rollouts
FROM rollouts_rollout r
JOIN rollouts_tally t ON t.rollout_id = r.id AND t.targets > 0
    AND t.state IN ('planned', 'waiting', 'blocked', 'ready', 'failed', 'left_behind')
CROSS JOIN LATERAL (SELECT r.state <> 'running' AND t.state NOT IN ('failed', 'left_behind') AS holds) h
LEFT JOIN LATERAL (
    SELECT s.hold FROM rollouts_stage s WHERE s.rollout_id = r.id AND s.state IN ('entering', 'running', 'leaving')
    ORDER BY s.position LIMIT 1
) b ON true
LEFT JOIN LATERAL ({_SAID_NOW.format(rollout="r.id", code="t.code", state="t.state")}) n ON true
WHERE r.state IN ('running', 'paused', 'halted', 'aborting') AND (%(rollout)s::uuid IS NULL OR r.id = %(rollout)s::uuid)
GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 100"""  # noqa: S608

# Of those at work, which no tally tells apart, the ones that don't get on: stuck, or paused by somebody. Rides on
# target_at_a_stand.
AT_A_STAND = """
SELECT t.reason_code AS code, max(t.reason) AS reason, count(*)::int AS targets, min(t.since) AS first_at,
    max(t.since) AS last_at, array_agg(DISTINCT r.name) AS rollouts
FROM rollouts_rollout r
JOIN rollouts_target t ON t.rollout_id = r.id AND t.state = 'running' AND t.reason_code IN ('stuck', 'paused')
WHERE r.state IN ('running', 'paused', 'halted', 'aborting') AND (%(rollout)s::uuid IS NULL OR r.id = %(rollout)s::uuid)
GROUP BY 1 ORDER BY 3 DESC, 1"""

# Failures that stand, by cause, stage and piece of time. Reads failures, not targets. Rides on target_failures.
FAILURES = """
SELECT t.signature, s.position AS stage, count(*)::int AS targets,
    greatest(0, floor(extract(epoch FROM t.finished_at - %(began)s::timestamptz) / (60 * %(minutes)s::int)))::int AS piece
FROM rollouts_target t JOIN rollouts_stage s ON s.id = t.stage_id
WHERE t.rollout_id = %(rollout)s::uuid AND t.state = 'failed' AND t.finished_at IS NOT NULL
GROUP BY 1, 2, 4 ORDER BY 4, 1"""

# Who of one rollout was not brought to its release, those first who are still behind, and who answers for them. Rides on
# target_pages_of_state.
NOT_DONE = """
SELECT t.runtime_id, t.state, t.reason_code, t.reason, t.since, r.name, tenant.name AS tenant, s.name AS stage,
    r.release_key = ANY(%(releases)s::text[]) AS on_it_since, r.deleted_at IS NOT NULL AS gone_since,
    w.owner AS waiver_owner, w.reason AS waiver_reason, w.expires_at AS waiver_expires_at
FROM rollouts_target t JOIN rollouts_stage s ON s.id = t.stage_id
JOIN runtimes_runtime r ON r.id = t.runtime_id JOIN tenants_tenant tenant ON tenant.id = r.tenant_id
LEFT JOIN rollouts_waiver w ON w.runtime_id = t.runtime_id AND w.revoked_at IS NULL AND w.expires_at > now()
WHERE t.rollout_id = %(rollout)s::uuid AND t.state = ANY(ARRAY['failed', 'left_behind', 'skipped']::text[])
ORDER BY r.deleted_at IS NOT NULL OR r.release_key = ANY(%(releases)s::text[]), t.state, t.position LIMIT %(most)s::int"""

# Of whose start no tenant was told yet. Rides on rollout_under_way.
UNTOLD = """
SELECT id, release_key, coalesce(plan ->> 'windows', 'respect') AS windows FROM rollouts_rollout
WHERE state = 'running' AND told_at IS NULL"""

# Whom a rollout has yet to come to, in its order, or those of them that joined; once in a rollout's life, and as often as
# somebody joins. Rides on target_once_per_position and target_once_per_rollout.
COMING = """
SELECT t.runtime_id, r.name, r.tenant_id, r.plan_id, s.position AS stage
FROM rollouts_target t JOIN runtimes_runtime r ON r.id = t.runtime_id JOIN rollouts_stage s ON s.id = t.stage_id
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('planned', 'waiting', 'ready', 'starting', 'running')
  AND (%(joined)s::uuid[] IS NULL OR t.runtime_id = ANY(%(joined)s::uuid[]))
ORDER BY t.position"""

# Whether anybody has windows, or exclusions that are not over; and whether some of a rollout joined lately, behind a notice of
# their own. Reads one window, the few exclusions there are, and tallies. Rides on tally_once.
ANYBODY_HELD = """
SELECT EXISTS (SELECT FROM rollouts_maintenancewindow)
    OR EXISTS (SELECT FROM rollouts_exclusion WHERE ends_at > %(now)s::timestamptz) AS by_windows,
    EXISTS (SELECT FROM rollouts_tally WHERE rollout_id = %(rollout)s::uuid AND code = 'notice' AND targets > 0) AS by_notice"""

# How many of a rollout have yet to begin, by all that says when they may: their tenant, plan, own windows and exclusions, and the
# notice of who joined lately, to the hour. Every quarter of a minute, once anybody has windows, of whichever
# rollout. Rides on target_pages_of_state.
PARTIES = """
WITH own AS (
    SELECT runtime_id FROM rollouts_maintenancewindow WHERE runtime_id IS NOT NULL
    UNION SELECT runtime_id FROM rollouts_exclusion WHERE runtime_id IS NOT NULL AND ends_at > %(now)s::timestamptz
)
SELECT t.stage_id AS stage, r.tenant_id, r.plan_id, coalesce(own.runtime_id, %(nobody)s::uuid) AS runtime_id,
    CASE WHEN t.reason_code = 'notice' THEN date_trunc('hour', t.reason_until) + interval '1 hour' END AS told,
    count(*)::int AS members
FROM rollouts_target t JOIN runtimes_runtime r ON r.id = t.runtime_id LEFT JOIN own ON own.runtime_id = t.runtime_id
WHERE t.rollout_id = %(rollout)s::uuid AND t.state IN ('planned', 'waiting', 'ready')
GROUP BY 1, 2, 3, 4, 5"""

# Runtimes that are on these releases, or on one that is too old for the channel that they follow (pairs), a page in the order of
# their ids, with the newest thing that a rollout said of each, and who answers for it. Rides on runtime_by_release,
# runtime_of_channel, target_of_runtime and waiver_one_per_runtime.
_ANSWERED = """EXISTS (
    SELECT FROM rollouts_waiver w WHERE w.runtime_id = r.id AND w.revoked_at IS NULL AND w.expires_at > now())"""
_LEFT_BEHIND = """
WITH behind AS (
    (SELECT r.id FROM runtimes_runtime r
    WHERE r.deleted_at IS NULL AND r.release_key = ANY(%(releases)s::text[]) AND r.id > %(after)s::uuid {also}
    ORDER BY r.id LIMIT %(most)s::int)
    UNION
    SELECT follower.id FROM unnest(%(channels)s::text[], %(olds)s::text[]) AS pair (channel, old) CROSS JOIN LATERAL (
        SELECT r.id FROM runtimes_runtime r
        WHERE r.deleted_at IS NULL AND r.pinned = '' AND r.channel = pair.channel AND r.release_key = pair.old
            AND r.id > %(after)s::uuid {also}
        ORDER BY r.id LIMIT %(most)s::int
    ) follower
)
SELECT r.id, r.name, tenant.slug AS tenant, account.slug AS account, r.plan_id AS plan, r.region, r.release_key AS release,
    r.channel, r.phase, r.pinned, newest.state, newest.code, newest.reason, newest.since, newest.rollout, newest.rollout_id,
    w.id AS waiver_id, w.owner AS waiver_owner, w.reason AS waiver_reason, w.expires_at AS waiver_expires_at
FROM behind JOIN runtimes_runtime r ON r.id = behind.id
JOIN tenants_tenant tenant ON tenant.id = r.tenant_id JOIN tenants_account account ON account.id = r.account_id
LEFT JOIN rollouts_waiver w ON w.runtime_id = r.id AND w.revoked_at IS NULL AND w.expires_at > now()
LEFT JOIN LATERAL (
    SELECT t.state, t.reason_code AS code, t.reason, t.since, o.name AS rollout, o.id AS rollout_id
    FROM rollouts_target t JOIN rollouts_rollout o ON o.id = t.rollout_id
    WHERE t.runtime_id = r.id ORDER BY t.id DESC LIMIT 1
) newest ON true
ORDER BY r.id LIMIT %(most)s::int"""
LEFT_BEHIND = {
    None: _LEFT_BEHIND.format(also=""),
    True: _LEFT_BEHIND.format(also=f"AND {_ANSWERED}"),
    False: _LEFT_BEHIND.format(also=f"AND NOT {_ANSWERED}"),
}
# How many follow a channel that is ahead of them, by the release that they are on. Rides on runtime_of_channel.
BEHIND_THEIR_CHANNEL = """
SELECT r.release_key AS release, count(*)::int AS runtimes
FROM unnest(%(channels)s::text[], %(olds)s::text[]) AS pair (channel, old)
JOIN runtimes_runtime r ON r.channel = pair.channel AND r.release_key = pair.old AND r.deleted_at IS NULL AND r.pinned = ''
GROUP BY 1"""

# Of one rollout that has ended: how many are still behind, whoever was upgraded or removed since left out, and how many of these
# somebody answers for. Reads those that were not done, not the others. Rides on target_pages_of_state and primary keys.
OPEN_ENDS = """
SELECT count(*)::int AS behind, count(w.id)::int AS waived
FROM rollouts_target t
JOIN runtimes_runtime r ON r.id = t.runtime_id AND r.deleted_at IS NULL AND r.release_key <> ALL(%(releases)s::text[])
LEFT JOIN rollouts_waiver w ON w.runtime_id = t.runtime_id AND w.revoked_at IS NULL AND w.expires_at > now()
WHERE t.rollout_id = %(rollout)s::uuid AND t.state = ANY(ARRAY['failed', 'left_behind', 'skipped']::text[])"""

# What rollouts say of one runtime, newest first. Rides on target_of_runtime.
OF_RUNTIME = """
SELECT t.id, t.state, t.reason_code, t.reason, t.reason_until, t.since, t.due_at, t.operation_id, t.error_code,
    r.id AS rollout_id, r.name AS rollout, r.state AS rollout_state, r.hold AS rollout_hold, r.release_key, r.urgent,
    s.name AS stage, s.state AS stage_state, s.hold AS stage_hold,
    (SELECT x.name || ': ' || x.hold FROM rollouts_stage x WHERE x.rollout_id = r.id
        AND x.state IN ('entering', 'running', 'leaving') AND x.position < s.position ORDER BY x.position LIMIT 1) AS ahead
FROM rollouts_target t JOIN rollouts_rollout r ON r.id = t.rollout_id JOIN rollouts_stage s ON s.id = t.stage_id
WHERE t.runtime_id = %(runtime)s::uuid ORDER BY t.id DESC LIMIT %(most)s::int"""


# The same as far as it is the tenant's own: nothing else of rollouts may it read (migration 0005). Rides on target_of_runtime.
OF_OWN_RUNTIME = """
SELECT t.state, t.reason_code, t.reason, t.reason_until, t.since, t.operation_id, r.id AS rollout_id, r.release_key
FROM rollouts_target t JOIN rollouts_rollout r ON r.id = t.rollout_id
WHERE t.runtime_id = %(runtime)s::uuid ORDER BY t.id DESC LIMIT %(most)s::int"""
