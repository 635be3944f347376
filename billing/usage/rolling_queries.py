"""The SQL of making hours, by name: each with its reason and the index it rides on."""

from __future__ import annotations

from billing.usage.integrals import GAUGES, INTEGRALS

# Newest hours first: history that is brought in holds up nobody's today. By the index of hours; a row a batch.
DIRTY_HOURS = "SELECT DISTINCT hour FROM usage_dirty ORDER BY hour DESC LIMIT %s"

# One at a time makes an hour: a second one leaves it, or would overwrite what is newer. Held to the transaction's end.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtext(%s), %s)"

# What is marked after this stays marked: it was not there to be seen. Answers the sources, how many they are, and those whose
# neighbouring hours are to follow; lists stay on the server's side.
CLAIM = """
WITH claimed AS (DELETE FROM usage_dirty WHERE hour = %s RETURNING sources, spreads),
whose AS (SELECT source, bool_or(spreads) AS spreads FROM claimed, unnest(sources) source GROUP BY source)
SELECT array_agg(source)::text, count(*), (array_agg(source) FILTER (WHERE spreads))::text FROM whose
"""

# What decides how an hour is made: whether anybody was seen in the half hour after it (until then its end can't be the middle of
# a gap), whether it was made before, how many sources there are, whether its partition stands. By keys, a glance each.
FACTS = """
SELECT EXISTS (SELECT FROM usage_sample WHERE slot >= %(end)s AND slot < %(after)s),
    EXISTS (SELECT FROM usage_hour WHERE hour = %(hour)s),
    (SELECT coalesce(max(id), 0) FROM usage_source), to_regclass(%(partition)s) IS NOT NULL
"""

_SUMS = ",\n        ".join(
    (*(f"sum({name}) AS {name}" for name in GAUGES), "usage_sum(egress_bytes) AS egress_bytes")
)
_SEEN = """
    SELECT source, shape, count(*) AS n, count(workload_used_millicores) AS used_n, {edges}
        min(epoch) AS oldest, max(epoch) AS newest,
        {sums}
    FROM {samples} GROUP BY source, shape
"""
# All of the hour's samples, as they lie in their partition: the sources that are not dirty are left out afterwards.
_WIDE = "usage_sample WHERE slot >= %(hour)s AND slot < %(end)s"
# A few sources: one probe of the primary key for each of their slots. The hour is said too: other days are not planned for.
_NARROW = """(SELECT s.* FROM unnest(%(sources)s::int[]) d (source) CROSS JOIN unnest(%(slots)s::timestamptz[]) t (slot)
        JOIN usage_sample s ON s.slot = t.slot AND s.source = d.source AND s.slot >= %(hour)s AND s.slot < %(end)s) s"""
_EDGES = "min(slot) AS first, max(slot) AS last,"

# Hours that are plain are made in one statement: one span and one incarnation all through, and every slot seen; or, in the hour
# that goes on, every slot from its beginning. What is not plain is answered, for `integrate` to look at.
_PLAIN = """
WITH dirty AS (SELECT unnest(%(sources)s::int[]) AS source),
seen AS ({seen}),
whole AS (
    SELECT d.source, coalesce(sum(n), 0)::int AS n, min(oldest) AS oldest, max(newest) AS newest{whole_edges}
    FROM dirty d LEFT JOIN seen USING (source) GROUP BY d.source
),
plain AS MATERIALIZED (
    SELECT w.source, s.id AS span, w.n FROM whole w JOIN usage_span s USING (source)
    WHERE s.since <= %(hour)s AND (s.until IS NULL OR s.until >= %(end)s) AND s.phase <> ALL(%(quiet)s)
        AND (w.n = 0 OR w.oldest = w.newest AND (w.n = %(whole)s{prefix}))
),
fresh AS {materialized} (
    SELECT p.source, p.span, e.shape, e.n * %(length)s AS observed_seconds, 0 AS inferred_seconds, 0 AS unknown_seconds,
        e.used_n * %(length)s AS used_seconds,
        {products}
    FROM plain p JOIN seen e USING (source)
    UNION ALL
    SELECT source, span, 0, 0, 0, 3600 - n * %(length)s, 0, {zeros} FROM plain WHERE n < %(whole)s
),
{put}
SELECT source FROM dirty EXCEPT SELECT source FROM plain
"""
# The same of many sources of which each had one shape all through, in one pass over the samples; what had several is answered.
_ALIKE = """
WITH dirty AS (SELECT unnest(%(sources)s::int[]) AS source),
e AS (
    SELECT source, count(*) AS n, count(workload_used_millicores) AS used_n, {edges}
        min(epoch) AS oldest, max(epoch) AS newest, min(shape) AS shape, max(shape) AS other,
        {sums}
    FROM {samples} GROUP BY source
),
whose AS MATERIALIZED (
    SELECT source, s.id AS span FROM dirty JOIN usage_span s USING (source)
    WHERE s.since <= %(hour)s AND (s.until IS NULL OR s.until >= %(end)s) AND s.phase <> ALL(%(quiet)s)
),
plain AS MATERIALIZED (
    SELECT whose.span, e.* FROM e JOIN whose USING (source)
    WHERE e.oldest = e.newest AND e.shape = e.other AND (e.n = %(whole)s{prefix})
),
fresh AS {materialized} (
    SELECT source, span, shape, n * %(length)s AS observed_seconds, 0 AS inferred_seconds, 0 AS unknown_seconds,
        used_n * %(length)s AS used_seconds,
        {products}
    FROM plain e{unseen}
),
{put}
SELECT source FROM dirty EXCEPT SELECT source FROM plain
"""
_UNSEEN = """
    UNION ALL
    SELECT source, span, 0, 0, 0, 3600 - n * %(length)s, 0, {zeros} FROM plain WHERE n < %(whole)s"""
_PREFIX = (
    " OR {of}.first = %(hour)s AND {of}.last = %(hour)s + ({of}.n - 1) * make_interval(secs => %(length)s)"
)
_PRODUCTS = ",\n        ".join(f"coalesce(e.{name}, 0) * %(length)s AS {name}" for name in GAUGES)

# What came out as before stays as it is; what is not there any more goes. By the primary key, in its order.
_COLUMNS = ", ".join(INTEGRALS)
_GONE = """gone AS (
    DELETE FROM usage_hour h WHERE h.hour = %(hour)s AND h.source IN (SELECT source FROM {whose})
        AND NOT EXISTS (SELECT FROM fresh f WHERE f.source = h.source AND f.span = h.span AND f.shape = h.shape)
),
"""
_OLD = ", ".join(f"h.{name}" for name in INTEGRALS)
_NEW = ", ".join(f"excluded.{name}" for name in INTEGRALS)
_PUT = f"""put AS (
    INSERT INTO usage_hour AS h (hour, source, span, shape, {_COLUMNS}, revision)
    SELECT %(hour)s, source, span, shape, {_COLUMNS}, 1 FROM fresh ORDER BY source, span, shape{{conflict}}
)"""
_OVER = f"""
    ON CONFLICT (hour, source, span, shape) DO UPDATE SET
        ({_COLUMNS}) = ({_NEW}), revision = h.revision + 1, rolled_at = now()
    WHERE ({_OLD}) IS DISTINCT FROM ({_NEW})"""

# Sorting an hour of ten thousand sources on disk would take longer than all the rest. And nobody waits for the disk: a crash
# takes an hour back together with its marks, and it is made again.
ROOM = "SET LOCAL work_mem = '64MB'; SET LOCAL synchronous_commit = off"

# What is alike all through an hour is taken for one source by the planner, and it is the fleet: going through the fleet once for
# each source would take seconds. The few that are looked up one by one are quicker with such loops.
HASHED = "SET LOCAL enable_nestloop = off"
LOOPED = "SET LOCAL enable_nestloop = on"

_ZEROS = ", ".join("0" for _ in (*GAUGES, "egress_bytes"))


def plain(*, narrow: bool, open_end: bool, again: bool) -> str:
    """Return the statement for plain hours: of a few sources, of an hour that goes on, of one that was made before."""
    seen = _SEEN.format(edges=_EDGES if open_end else "", sums=_SUMS, samples=_NARROW if narrow else _WIDE)
    return _PLAIN.format(
        seen=seen,
        whole_edges=", min(first) AS first, max(last) AS last" if open_end else "",
        prefix=_PREFIX.format(of="w") if open_end else "",
        **_putting(again=again),
    )


def alike(*, open_end: bool, again: bool) -> str:
    """Return the statement for plain hours of one shape each, of a whole fleet."""
    return _ALIKE.format(
        edges=_EDGES if open_end else "",
        sums=_SUMS,
        samples=_WIDE,
        prefix=_PREFIX.format(of="e") if open_end else "",
        unseen=_UNSEEN.format(zeros=_ZEROS) if open_end else "",
        **_putting(again=again),
    )


def _putting(*, again: bool) -> dict[str, str]:
    return {
        "products": f"{_PRODUCTS},\n        e.egress_bytes AS egress_bytes",
        "zeros": _ZEROS,
        "materialized": "MATERIALIZED" if again else "NOT MATERIALIZED",
        "put": (_GONE.format(whose="plain") if again else "") + _PUT.format(conflict=_OVER if again else ""),
    }


# What `integrate` found, put in the same way.
_ARRAYS = ", ".join(
    (
        "%(source)s::int[]",
        "%(span)s::bigint[]",
        "%(shape)s::int[]",
        *(f"%({name})s::bigint[]" for name in INTEGRALS),
    )
)
PUT = f"""
WITH fresh AS MATERIALIZED (SELECT * FROM unnest({_ARRAYS}) AS f (source, span, shape, {_COLUMNS})),
dirty AS (SELECT unnest(%(sources)s::int[]) AS source),
{_GONE.format(whose="dirty")}{_PUT.format(conflict=_OVER)}
SELECT 1
"""

_GAUGES = ", ".join(f"s.{name}" for name in (*GAUGES, "egress_bytes"))
# A few sources' samples of an hour and of the half hours around it, by the primary key.
SAMPLES = f"""
SELECT s.source, extract(epoch FROM s.slot)::bigint, s.epoch, s.shape, {_GAUGES}
FROM usage_sample s WHERE s.slot >= %s AND s.slot < %s AND s.source = ANY(%s::int[])
"""
SPANS = """
SELECT source, id, extract(epoch FROM since)::bigint, extract(epoch FROM until)::bigint, phase FROM usage_span
WHERE source = ANY(%s::int[]) AND since < %s AND (until IS NULL OR until > %s)
"""

# Neighbouring hours with a gap: that of a source whose hour changed may reach across. By the partial index of gaps.
GAPPY = """
SELECT hour, array_agg(DISTINCT source) FROM usage_hour
WHERE hour IN (%s, %s) AND (shape = 0 OR inferred_seconds > 0) GROUP BY hour
"""
MARK_QUIETLY = "INSERT INTO usage_dirty (hour, sources, spreads) VALUES (%s, %s::int[], false)"
MARK_DAY = "INSERT INTO usage_dirty_day (day, sources) VALUES (%s, %s::int[])"

# Hours that are over, of whoever lived in them and was never seen: one statement an hour. By the indexes of open and ended spans.
CLOSE = """
INSERT INTO usage_dirty (hour, sources, spreads)
SELECT %(hour)s, array_agg(DISTINCT s.source), false FROM usage_span s
WHERE s.since < %(end)s AND (s.until IS NULL OR s.until > %(hour)s) AND s.phase <> ALL(%(quiet)s)
    AND NOT EXISTS (SELECT FROM usage_hour h WHERE h.hour = %(hour)s AND h.source = s.source)
HAVING count(*) > 0
"""
REACHED = """
INSERT INTO usage_progress (name, reached) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING reached
"""
# Guarded: of two that close the same hour one goes on.
REACH = "UPDATE usage_progress SET reached = %s WHERE name = %s AND reached = %s"
