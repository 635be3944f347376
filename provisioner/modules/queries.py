"""The SQL of modules: on the way of every operation, so written out instead of built by the ORM."""

from __future__ import annotations

# What is remembered of one runtime. Rides on module_once_per_runtime.
RECALL = """
SELECT key, version, implementation, settings, state, health, observed_version, digest, inventory, drift, message
FROM modules_runtimemodule WHERE runtime_id = %(runtime)s
"""

# All of a runtime's modules in one statement, and when they are looked at next: spread over a whole round by chance, so that a
# fleet built in one hour is not looked at in one. A row of a newer wish stays: its writer knows better. A state or health that
# stays keeps its `since`. Rides on module_once_per_runtime.
KEEP = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS one(id uuid, key text, version text, implementation text, settings jsonb,
        state text, health text, observed_version text, digest text, inventory jsonb, drift jsonb, message text)
), gone AS (
    DELETE FROM modules_runtimemodule
    WHERE runtime_id = %(runtime)s AND key = ANY(%(forget)s) AND generation <= %(generation)s
), looked AS (
    INSERT INTO modules_inspection (runtime_id, due_at, rounds, problem)
    VALUES (%(runtime)s, now() + random() * %(round)s::interval, 0, '')
    ON CONFLICT (runtime_id) DO NOTHING
)
INSERT INTO modules_runtimemodule AS kept (id, runtime_id, key, version, implementation, settings, state, health,
    observed_version, digest, inventory, drift, message, generation, since, seen_at)
SELECT id, %(runtime)s, key, version, implementation, settings, state, health, observed_version, digest, inventory,
    drift, message, %(generation)s, now(), now()
FROM given
ON CONFLICT (runtime_id, key) DO UPDATE SET version = EXCLUDED.version, implementation = EXCLUDED.implementation,
    settings = EXCLUDED.settings, state = EXCLUDED.state, health = EXCLUDED.health,
    observed_version = EXCLUDED.observed_version, digest = EXCLUDED.digest, inventory = EXCLUDED.inventory,
    drift = EXCLUDED.drift, message = EXCLUDED.message, generation = EXCLUDED.generation, seen_at = EXCLUDED.seen_at,
    since = CASE WHEN (kept.state, kept.health) = (EXCLUDED.state, EXCLUDED.health) THEN kept.since ELSE EXCLUDED.since END
WHERE kept.generation <= EXCLUDED.generation
"""

# Takes what is due, most overdue first, and puts it off by a round more or less, ever longer where looks found nothing, up to
# RARELY rounds: a fleet in order costs little. Two ticks share the work, and one that dies in the middle loses a look, not the
# runtime. Rides on module_inspection_due.
CLAIM = """
UPDATE modules_inspection
SET due_at = now() + %(round)s::interval * (0.9 + 0.2 * random()) * least(2 ^ quiet, %(rarely)s), looked_at = now()
WHERE runtime_id IN (
    SELECT runtime_id FROM modules_inspection WHERE due_at <= now() ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING runtime_id
"""
