"""The SQL that adds members to a rollout; `until` is when the notice of those that join later is over."""

from __future__ import annotations

# Lanes and members of a rollout that starts, or that later ones join: of these the stage's deadline counts from when they may
# begin. Rides on lane_once.
ADD_LANES = """
INSERT INTO rollouts_lane (rollout_id, stage_id, "group", landscape_id, region, planned, waiting, blocked, ready, active,
    succeeded, failed, blamed, skipped, left_behind, gone)
SELECT %(rollout)s::uuid, stage, grp, landscape, region, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM unnest(%(stages)s::bigint[], %(groups)s::text[], %(landscapes)s::uuid[], %(regions)s::text[])
    AS n(stage, grp, landscape, region)
ON CONFLICT (rollout_id, stage_id, "group", landscape_id, region) DO NOTHING"""
ADD_TARGETS = """
INSERT INTO rollouts_target (id, rollout_id, stage_id, lane_id, runtime_id, position, priority, state, since, reason_code, reason,
    release_before, healthy_before, attempts, error_code, error_audience, signature, blamed, noted_by, reason_until, due_at,
    longer_seconds)
SELECT n.id, %(rollout)s::uuid, n.stage, l.id, n.runtime, n.position, 0, %(state)s::text, %(now)s::timestamptz,
    %(code)s::text, %(reason)s::text, n.release, n.healthy, 0, '', '', '', false, '', %(until)s::timestamptz,
    CASE WHEN %(state)s::text = 'waiting' THEN coalesce(%(until)s::timestamptz, %(now)s::timestamptz) END,
    greatest(0, extract(epoch FROM coalesce(%(until)s::timestamptz, %(now)s::timestamptz) - s.began_at) - s.stood_seconds)
FROM unnest(%(ids)s::uuid[], %(stages)s::bigint[], %(groups)s::text[], %(landscapes)s::uuid[], %(regions)s::text[],
    %(runtimes)s::uuid[], %(positions)s::int[], %(releases)s::text[], %(healthy)s::boolean[])
    AS n(id, stage, grp, landscape, region, runtime, position, release, healthy)
JOIN rollouts_stage s ON s.id = n.stage
JOIN rollouts_lane l ON l.rollout_id = %(rollout)s::uuid AND l.stage_id = n.stage AND l."group" = n.grp
    AND l.landscape_id = n.landscape AND l.region = n.region
ON CONFLICT (rollout_id, runtime_id) DO NOTHING"""
