"""The collector's SQL."""

from __future__ import annotations

# Modules that were seen whole and well once and are still there; those that nobody chose, because every runtime has them, are not
# counted. Rides on module_once_per_runtime.
_TARGET = """
SELECT r.id, r.landscape_id, r.cluster_name, r.phase,
    coalesce(r.status ->> 'api_endpoint', '') <> '' AND coalesce(r.status ->> 'situation', 'absent') <> 'absent',
    coalesce(r.status ->> 'hibernated', 'false') = 'true',
    coalesce(
        (SELECT jsonb_agg(m.key ORDER BY m.key) FROM modules_runtimemodule m JOIN catalog_module c ON c.key = m.key
         WHERE m.runtime_id = r.id AND m.observed_version <> '' AND NOT c.mandatory),
        CASE WHEN jsonb_typeof(r.status -> 'modules') = 'array' THEN r.status -> 'modules' ELSE '[]'::jsonb END),
    (SELECT jsonb_object_agg(pool ->> 'machine_type', (pool ->> 'maximum')::int) FROM jsonb_array_elements(
        r.cluster_spec -> 'pools') pool WHERE pool -> 'platform' = 'true'::jsonb)
FROM runtimes_runtime r
"""

# All that lives, a page at a time; at the start and seldom after it. The primary key.
PAGE = (
    _TARGET
    + "WHERE r.id > %(after)s AND r.deleted_at IS NULL AND r.phase <> 'pending' ORDER BY r.id LIMIT %(limit)s"
)

# Whose life took a turn: spans are written by a trigger of the runtimes' table, in the order of their numbers but for
# transactions that are still open, so the asker goes back a little. The spans' primary key, then the runtimes'.
TURNED = _TARGET + (  # noqa: S608 - texts of ours
    "JOIN (SELECT DISTINCT s.runtime FROM usage_span s WHERE s.id > %(after)s) t ON t.runtime = r.id "
    "WHERE r.deleted_at IS NULL AND r.phase <> 'pending'"
)

# Those that are asked for by name: between two turns their clusters come to answer, or stop. The primary key.
NAMED = _TARGET + "WHERE r.id = ANY(%(runtimes)s) AND r.deleted_at IS NULL AND r.phase <> 'pending'"

NEWEST_SPAN = "SELECT coalesce(max(id), 0) FROM usage_span"

# Lives that ended lately: the partial index of ends.
GONE = "SELECT runtime FROM usage_source WHERE gone >= now() - interval '10 minutes'"

# Who was read in a slot already, by a copy of ours or before a restart. The blocks' primary key begins with the slot.
READ = "SELECT u.runtime FROM usage_sample s JOIN usage_source u ON u.id = s.source WHERE s.slot = %(slot)s"

# What was seen of runtimes in a slot, for those who come after whoever saw it. The same key: each of their blocks is opened once;
# from the landscapes' own word (epoch 0) nothing follows for the slots between.
SEEN = """
SELECT u.runtime, s.epoch, h.levels::text, c.components::text, s.workload_requested_millicores, s.workload_requested_mib,
    s.platform_requested_millicores, s.platform_requested_mib, h.allocatable_millicores, h.allocatable_mib, s.reported_at
FROM usage_sample s JOIN usage_source u ON u.id = s.source JOIN usage_shape h ON h.id = s.shape
    JOIN usage_component_set c ON c.id = s.components
WHERE s.slot = %(slot)s AND s.epoch > 0 AND u.runtime = ANY(%(runtimes)s)
    AND s.block = ANY(ARRAY(SELECT DISTINCT id / %(size)s FROM usage_source WHERE runtime = ANY(%(runtimes)s)))
"""

# Copies share the runtimes by advisory locks of two numbers: (PRESENT, process of the session) says that a copy is there,
# (SHARD, number) that it reads this shard. PostgreSQL takes both away with the session that held them, however it ends.
PRESENT, SHARD = 1_313_165_129, 1_313_165_130
ARRIVE = f"SELECT pg_backend_pid(), pg_try_advisory_lock({PRESENT}, pg_backend_pid())"
COPIES = f"""
SELECT objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND classid = {PRESENT} AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 - a number of ours
TAKE = f"SELECT shard FROM unnest(%(shards)s::int[]) shard WHERE pg_try_advisory_lock({SHARD}, shard)"  # noqa: S608 - likewise
GIVE = f"SELECT pg_advisory_unlock({SHARD}, shard) FROM unnest(%(shards)s::int[]) shard"  # noqa: S608 - likewise
LEAVE = "SELECT pg_advisory_unlock_all()"

# How much of the fleet's time is known: of an hour that is over, and of the newest day that is. By the hours' and days' primary
# keys, which begin with the moment.
COVERAGE_OF_HOUR = """
SELECT coalesce(sum(observed_seconds), 0)::bigint, coalesce(sum(inferred_seconds), 0)::bigint,
    coalesce(sum(unknown_seconds), 0)::bigint
FROM usage_hour WHERE hour = %s
"""
COVERAGE_OF_DAY = """
SELECT day, sum(observed_seconds)::bigint, sum(inferred_seconds)::bigint, sum(unknown_seconds)::bigint
FROM usage_day_life WHERE day = (SELECT max(day) FROM usage_day_life WHERE day < %s) GROUP BY day
"""
CLOSED_UNTIL = "SELECT reached FROM usage_progress WHERE name = 'hours'"
# Hours that could not be made when that was last tried. Marks are few: each tick takes them away.
NOT_MADE = "SELECT count(DISTINCT hour) FROM usage_dirty WHERE failures > 0"
