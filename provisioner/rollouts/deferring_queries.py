"""The SQL of what tenants put off by moving windows: thousands of upgrades may wait for one that is moved."""

from __future__ import annotations

# What counts: up to when it was to begin, or where it began, was left behind or taken out sooner, up to then; nothing of runtimes
# that are no more. `waits`: it is put off yet. Rides on put_off_of_target; once a change of windows, and for a tenant's own page.
COUNTED = """
SELECT * FROM (
    SELECT p.begins_at AS begin, r.plan_id AS plan, r.id AS runtime_id, r.name, p.excluded,
        t.state IN ('waiting', 'blocked', 'ready') AS waits,
        CASE WHEN t.state IN ('waiting', 'blocked', 'ready') THEN p.ends_at
            ELSE least(p.ends_at, coalesce(t.started_at, t.finished_at, t.since)) END AS "end"
    FROM rollouts_putoff p
    JOIN rollouts_target t ON t.id = p.target_id
    JOIN runtimes_runtime r ON r.id = t.runtime_id
    WHERE r.tenant_id = %(tenant)s::uuid AND r.deleted_at IS NULL AND p.ends_at > %(since)s::timestamptz
        AND (%(runtime)s::uuid IS NULL OR r.id = %(runtime)s::uuid)
) c WHERE c."end" > c.begin AND c."end" > %(since)s::timestamptz"""

# Those that may begin sooner than was kept take back what they were put off by. Rides on put_off_of_target.
GIVE_BACK = """
WITH sooner AS (SELECT * FROM unnest(%(targets)s::uuid[], %(ends)s::timestamptz[]) AS s(target_id, ends_at)),
gone AS (
    DELETE FROM rollouts_putoff p USING sooner s WHERE p.target_id = s.target_id AND p.begins_at >= s.ends_at
)
UPDATE rollouts_putoff p SET ends_at = s.ends_at FROM sooner s
WHERE p.target_id = s.target_id AND p.begins_at < s.ends_at AND p.ends_at > s.ends_at"""

# One statement for all that a change puts off.
KEEP = """
INSERT INTO rollouts_putoff (target_id, begins_at, ends_at, excluded, created_by, created_at)
SELECT k.target_id, k.begins_at, k.ends_at, k.excluded, %(by)s, now()
FROM unnest(%(targets)s::uuid[], %(begins)s::timestamptz[], %(ends)s::timestamptz[], %(excluded)s::boolean[])
    AS k(target_id, begins_at, ends_at, excluded)"""
