"""The SQL of making hours, by name: each with its reason and the index it rides on. Those with arrays are for a binary cursor."""

from __future__ import annotations

# Newest hours first: history that is brought in holds up nobody's today. Last of all those that could not be made: they hold up
# nobody either. By the index of hours; a row a batch.
DIRTY_HOURS = "SELECT hour FROM usage_dirty GROUP BY hour ORDER BY max(failures), hour DESC LIMIT %s"
# Marks that another worker is taking away are its own to fail with.
FAILED = """
UPDATE usage_dirty SET failures = failures + 1
WHERE id IN (SELECT id FROM usage_dirty WHERE hour = %s FOR UPDATE SKIP LOCKED) RETURNING failures
"""
FAILURES = "SELECT coalesce(max(failures), 0) FROM usage_dirty WHERE hour = %s"
MARK_FAILED = "INSERT INTO usage_dirty (hour, sources, spreads, failures) VALUES (%s, %s::int[], %s, %s)"

# One at a time makes an hour: a second one leaves it, or would overwrite what is newer. Held to the transaction's end.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtext(%s), %s)"
LOCK_HOURS = """
SELECT hour FROM unnest(%s::timestamptz[]) hour
WHERE pg_try_advisory_xact_lock(hashtext('usage hour'), (extract(epoch FROM hour) / 3600)::int)
"""

# What is marked after this stays marked: it was not there to be seen. By the index of hours; a row a batch.
CLAIM = """
DELETE FROM usage_dirty WHERE hour = ANY(%s::timestamptz[]) RETURNING hour, spreads, array_send(sources)
"""

# What decides how hours are made: which of them nobody was seen after, within half an hour (until then an hour's end can't be the
# middle of a gap), whether any was made before, how many sources there are, whether their partition stands, and what time it is.
# By keys, a glance each; the hours are said twice, so that other days are not planned for.
FACTS = """
SELECT ARRAY(
        SELECT hour FROM unnest(%s::timestamptz[]) hour WHERE NOT EXISTS (
            SELECT FROM usage_slot WHERE slot >= hour + interval '1 hour' AND slot < hour + interval '1 hour' + %s::interval
                AND slot >= %s AND slot < %s)
    ),
    EXISTS (SELECT FROM usage_hour_block WHERE hour = ANY(%s::timestamptz[])),
    (SELECT coalesce(max(id), 0) FROM usage_source), to_regclass(%s) IS NOT NULL,
    (extract(epoch FROM now()) * 1000000)::bigint - 946684800000000
"""

# Nobody waits for the disk: a crash takes an hour back together with its marks, and it is made again.
UNWAITED = "SET LOCAL synchronous_commit = off"

# Spans of a piece of time, as arrays: a row for each would take longer than all the rest of making their hours. Most last all
# through it: of those nothing more is said. By the indexes of open and ended spans, or of sources.
_SPANS = """
SELECT array_send(array_agg(source) FILTER (WHERE lasts)), array_send(array_agg(id) FILTER (WHERE lasts)),
    array_send(array_agg(source) FILTER (WHERE NOT lasts)), array_send(array_agg(id) FILTER (WHERE NOT lasts)),
    array_send(array_agg(date_part('epoch', since)::bigint) FILTER (WHERE NOT lasts)),
    array_send(array_agg(coalesce(date_part('epoch', until)::bigint, 1::bigint << 40)) FILTER (WHERE NOT lasts)),
    array_send(array_agg(quiet::int) FILTER (WHERE NOT lasts))
FROM (
    SELECT *, since <= %(first)s AND (until IS NULL OR until >= %(last)s) AND NOT quiet AS lasts
    FROM (
        SELECT source, id, since, until, phase = ANY(%(quiet)s) AS quiet FROM usage_span
        WHERE since < %(last)s AND (until IS NULL OR until > %(first)s){some}
    ) s
) s
"""
SPANS_OF_ALL, SPANS_OF_SOME = (
    _SPANS.format(some=""),
    _SPANS.format(some=" AND source = ANY(%(sources)s::int[])"),
)

# By the primary key of the months' partitions.
BLOCKS = """
SELECT hour, block, hours FROM usage_hour_block WHERE hour = ANY(%s::timestamptz[]) AND block = ANY(%s::int[])
"""
# Past the parent: COPY does not enter a table under row-level security, and a month's rows need no routing.
LOAD = "COPY {partition} (hour, block, hours, places, gappy) FROM STDIN (FORMAT binary)"
REPLACE = """
UPDATE usage_hour_block b SET (hours, places, gappy) = (f.hours, f.places, f.gappy)
FROM unnest(%s::timestamptz[], %s::int[], %b::bytea[], %b::bytea[], %b::bytea[]) AS f (hour, block, hours, places, gappy)
WHERE b.hour = f.hour AND b.block = f.block AND b.hour BETWEEN %s AND %s
"""

# Whether a gap reaches across an hour's edge is seen from both sides: those that have one, block by block, by the primary key.
GAPPY = """
SELECT hour, gappy FROM usage_hour_block
WHERE hour = ANY(%s::timestamptz[]) AND block = ANY(%s::int[]) AND octet_length(gappy) > 0
"""
MARK_QUIETLY = "INSERT INTO usage_dirty (hour, sources, spreads) VALUES (%s, %s::int[], false)"
# Whom of a tenant some hours could not be made for. Marks by the index of hours, spans by that of sources.
FAILED_OF_TENANT = """
SELECT DISTINCT d.hour FROM usage_dirty d JOIN usage_span s ON s.source = ANY(d.sources)
WHERE d.failures > 0 AND d.hour >= %s AND d.hour < %s AND s.tenant_id = %s
    AND s.since < d.hour + interval '1 hour' AND (s.until IS NULL OR s.until > d.hour)
ORDER BY d.hour
"""
MARK_DAY = "INSERT INTO usage_dirty_day (day, sources) VALUES (%s, %s::int[])"

# Hours that are over, of whoever lived in them and was never seen: one statement an hour. By the indexes of open and ended spans;
# whether a source has records is said by its place and the next.
CLOSE = """
INSERT INTO usage_dirty (hour, sources, spreads)
SELECT %(hour)s, array_agg(DISTINCT s.source), false FROM usage_span s
WHERE s.since < %(end)s AND (s.until IS NULL OR s.until > %(hour)s) AND s.phase <> ALL(%(quiet)s)
    AND NOT EXISTS (
        SELECT FROM usage_hour_block b WHERE b.hour = %(hour)s AND b.block = s.source / 64
            AND substr(b.places, s.source %% 64 * 2 + 1, 2) <> substr(b.places, s.source %% 64 * 2 + 3, 2))
HAVING count(*) > 0
"""
REACHED = """
INSERT INTO usage_progress (name, reached) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING reached
"""
# Guarded: of two that close the same hour one goes on.
REACH = "UPDATE usage_progress SET reached = %s WHERE name = %s AND reached = %s"
