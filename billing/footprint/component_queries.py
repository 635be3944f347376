"""The SQL of making components' days, by name: each with its reason and the index it rides on."""

from __future__ import annotations

ROOM = "SET LOCAL work_mem = '64MB'"  # sorting a fleet's day on disk would take longer than all the rest

# How many neighbours a day was made of, and whether use of a marked source stands under another plan than it has now. By the
# primary keys of the day.
KNOWN = """
SELECT (SELECT count(DISTINCT neighbours) FROM footprint_component_asked WHERE day = %(day)s),
    EXISTS (
        SELECT FROM footprint_component_told t WHERE t.day = %(day)s AND t.source = ANY(%(sources)s::int[])
            AND t.plan IS DISTINCT FROM (
                SELECT l.plan FROM usage_day_life l WHERE l.day = t.day AND l.source = t.source
                ORDER BY l.alive_seconds DESC, l.plan LIMIT 1))
"""

# Samples of one component set are counted before the set is spelt out; a source counts under the plan it had longest.
_ASKED = """
WITH plans AS MATERIALIZED (
    SELECT DISTINCT ON (source) source, plan FROM usage_day_life
    WHERE day = %(day)s{whose} ORDER BY source, alive_seconds DESC, plan
),
counted AS MATERIALIZED (
    SELECT source, components, count(*) * %(seconds)s AS seconds FROM {samples} GROUP BY source, components
)
INSERT INTO footprint_component_asked (day, neighbours, component, plan, runtimes, seconds, millicores, mib)
SELECT %(day)s, h.source / %(width)s, left(c.key, 253), p.plan, count(DISTINCT h.source), sum(h.seconds),
    sum(h.seconds * (c.value ->> 0)::bigint), sum(h.seconds * (c.value ->> 1)::bigint)
FROM counted h JOIN plans p USING (source) JOIN usage_component_set x ON x.id = h.components, jsonb_each(x.components) c
GROUP BY 2, 3, 4
"""
# One pass over the day's blocks.
ASKED_OF_ALL = _ASKED.format(whose="", samples="usage_sample WHERE slot >= %(start)s AND slot < %(end)s")
# One look at the primary key for each slot of the day and each block that holds some of the neighbours.
ASKED_OF_NEIGHBOURS = _ASKED.format(
    whose=" AND source / %(width)s = ANY(%(neighbours)s::int[]) AND source = ANY(ARRAY("
    "SELECT n * %(width)s + s FROM unnest(%(neighbours)s::int[]) n, generate_series(0, %(width)s - 1) s))",
    samples="""generate_series(%(start)s::timestamptz, %(end)s::timestamptz - %(length)s, %(length)s) t (slot)
        CROSS JOIN (SELECT DISTINCT n * %(width)s / %(size)s AS block FROM unnest(%(neighbours)s::int[]) n) b
        CROSS JOIN LATERAL (
            SELECT s.source, s.components FROM usage_sample s
            WHERE s.slot >= %(start)s AND s.slot < %(end)s AND s.slot = t.slot
                AND s.block = b.block AND s.source / %(width)s = ANY(%(neighbours)s::int[]) OFFSET 0
        ) one""",
)

# Use that nobody has read yet: rows by the index of hours, of which only the new ones are opened. Of a source and hour the first
# counts, as noted in a bit for each hour; a row with a source whose day is not made yet is read again when it is.
USED = """
WITH fresh AS MATERIALIZED (
    SELECT u.id, u.hour, u.used FROM usage_component_use u
    WHERE u.hour >= %(start)s AND u.hour < %(end)s
        AND u.id <> ALL(coalesce((SELECT uses FROM footprint_component_read WHERE day = %(day)s), '{}'))
),
spelt AS MATERIALIZED (
    SELECT DISTINCT ON (f.hour, s.key::int) f.id, s.key::int AS source, s.value AS used,
        1 << (extract(epoch FROM f.hour - %(start)s) / 3600)::int AS bit
    FROM fresh f, json_each(f.used::json) s ORDER BY f.hour, s.key::int, f.id
),
plans AS MATERIALIZED (
    SELECT d.source, (SELECT l.plan FROM usage_day_life l WHERE l.day = %(day)s AND l.source = d.source
        ORDER BY l.alive_seconds DESC, l.plan LIMIT 1) AS plan
    FROM (SELECT DISTINCT source FROM spelt) d
),
counted AS MATERIALIZED (
    SELECT s.source, s.used, s.bit, p.plan FROM spelt s JOIN plans p ON p.source = s.source AND p.plan IS NOT NULL
        LEFT JOIN footprint_component_told t ON t.day = %(day)s AND t.source = s.source
    WHERE coalesce(t.hours, 0) & s.bit = 0
),
added AS (
    INSERT INTO footprint_component_used AS u (day, component, plan, seconds, millicores, mib)
    SELECT %(day)s, left(c.key, 253), n.plan, 3600 * count(*), 3600 * sum((c.value ->> 0)::bigint),
        3600 * sum((c.value ->> 1)::bigint)
    FROM counted n, json_each(n.used) c GROUP BY 2, 3
    ON CONFLICT (day, component, plan) DO UPDATE
        SET (seconds, millicores, mib) = (u.seconds + excluded.seconds, u.millicores + excluded.millicores, u.mib + excluded.mib)
),
told AS (
    INSERT INTO footprint_component_told AS t (day, source, plan, hours)
    SELECT %(day)s, source, plan, bit_or(bit) FROM counted GROUP BY source, plan
    ON CONFLICT (day, source) DO UPDATE SET hours = t.hours | excluded.hours
)
INSERT INTO footprint_component_read AS r (day, uses)
SELECT %(day)s, array_agg(f.id) FROM fresh f
WHERE NOT EXISTS (SELECT FROM spelt s JOIN plans p USING (source) WHERE s.id = f.id AND p.plan IS NULL)
HAVING count(*) > 0
ON CONFLICT (day) DO UPDATE SET uses = r.uses || excluded.uses
"""

# A day over the fleet: a row for each component and plan, of as many rows as there are neighbours. By the primary keys.
SUM_DAY = """
INSERT INTO footprint_component_day (day, component, plan, runtimes, seconds, requested_millicores, requested_mib,
    used_seconds, used_millicores, used_mib)
SELECT a.day, a.component, a.plan, sum(a.runtimes), sum(a.seconds), sum(a.millicores), sum(a.mib),
    coalesce(u.seconds, 0), coalesce(u.millicores, 0), coalesce(u.mib, 0)
FROM footprint_component_asked a LEFT JOIN footprint_component_used u USING (day, component, plan)
WHERE a.day = %(day)s GROUP BY a.day, a.component, a.plan, u.seconds, u.millicores, u.mib
"""

FORGET_DAY = "DELETE FROM footprint_component_day WHERE day = %(day)s"
FORGET_ASKED = "DELETE FROM footprint_component_asked WHERE day = %(day)s"
FORGET_USED = "DELETE FROM footprint_component_used WHERE day = %(day)s"
FORGET_TOLD = "DELETE FROM footprint_component_told WHERE day = %(day)s"
FORGET_READ = "DELETE FROM footprint_component_read WHERE day = %(day)s"
FORGET_NEIGHBOURS = """
DELETE FROM footprint_component_asked WHERE day = %(day)s AND neighbours = ANY(%(neighbours)s::int[])
"""
FORGET_OLD = tuple(
    f"DELETE FROM footprint_component_{kind} WHERE day < %s"  # noqa: S608 - our own words
    for kind in ("asked", "used", "told", "read")
)
