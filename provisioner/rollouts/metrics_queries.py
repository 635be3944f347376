"""The SQL of /metrics: over tallies and what is under way, so a scrape costs a few rows for each rollout, not each runtime."""

from __future__ import annotations

UNDER_WAY = "r.state IN ('running', 'paused', 'halted', 'aborting')"
ENDED_WITHIN = "30 days"

# Rides on rollout_under_way and tally_once.
TALLIES = f"""
SELECT r.name, r.id, s.name AS stage, t.state, t.code, t.targets
FROM rollouts_rollout r
JOIN rollouts_tally t ON t.rollout_id = r.id AND t.targets > 0 JOIN rollouts_stage s ON s.id = t.stage_id
WHERE {UNDER_WAY}"""  # noqa: S608 - constants of this file

# Rides on rollout_under_way.
HELD = f"SELECT r.name, r.id, r.state FROM rollouts_rollout r WHERE {UNDER_WAY}"  # noqa: S608 - likewise

# Only gates whose turn has come; one that opens by time, a soak or a scheduled start, is not late before its moment.
# Rides on rollout_under_way, stage_once_per_position and gate_once_per_position.
GATES = """
SELECT r.name, r.id, s.name AS stage, g.kind, extract(epoch FROM now() - max(greatest(g.since, g.until)))::float AS seconds
FROM rollouts_rollout r
JOIN rollouts_stage s ON s.rollout_id = r.id AND s.state IN ('entering', 'leaving')
JOIN rollouts_gate g ON g.stage_id = s.id AND NOT g.open AND g.since IS NOT NULL
    AND g.side = CASE s.state WHEN 'entering' THEN 'before' ELSE 'after' END
WHERE r.state = 'running' AND greatest(g.since, g.until) <= now()
GROUP BY 1, 2, 3, 4"""

# Of what ended lately: who was not brought along, by the release that each is on by now. Rides on rollout_pages,
# target_pages_of_state and waiver_one_per_runtime; reads those left behind, who are few once somebody looks after them.
OPEN_ENDS = f"""
SELECT r.name, r.id, r.release_key AS wanted, u.release_key AS present, count(*)::int AS behind, count(w.id)::int AS waived
FROM rollouts_rollout r
JOIN rollouts_target t ON t.rollout_id = r.id AND t.state IN ('failed', 'left_behind', 'skipped')
JOIN runtimes_runtime u ON u.id = t.runtime_id AND u.deleted_at IS NULL AND u.release_key <> r.release_key
LEFT JOIN rollouts_waiver w ON w.runtime_id = t.runtime_id AND w.revoked_at IS NULL AND w.expires_at > now()
WHERE r.state IN ('completed', 'aborted') AND r.finished_at > now() - interval '{ENDED_WITHIN}'
GROUP BY 1, 2, 3, 4"""  # noqa: S608 - likewise

# Rides on emergency_stop_one_engaged.
STOPPED = "SELECT EXISTS (SELECT FROM rollouts_emergencystop WHERE released_at IS NULL) AS engaged"
