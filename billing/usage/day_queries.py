"""The SQL of making days of hours, by name: each with its reason and the index it rides on."""

from __future__ import annotations

from billing.usage.integrals import INTEGRALS

DIRTY_DAYS = "SELECT DISTINCT day FROM usage_dirty_day WHERE day < %s ORDER BY day DESC LIMIT %s"
CLAIM = "DELETE FROM usage_dirty_day WHERE day = %s RETURNING sources"

# The day that goes on gathers marks with every slot: now and then they become one.
CROWDED = "SELECT day FROM usage_dirty_day GROUP BY day HAVING count(*) > %s"
MARK = "INSERT INTO usage_dirty_day (day, sources) VALUES (%s, %s::int[])"

_WHOSE = "source, tenant_id, account, plan"
_LIFE = (*INTEGRALS, "alive_seconds", "allocatable_millicores", "allocatable_mib")
_LIVED = ", ".join(_LIFE)


def _differs(columns: tuple[str, ...]) -> str:
    old, new = (", ".join(f"{of}.{name}" for name in columns) for of in ("d", "excluded"))
    return f"({old}) IS DISTINCT FROM ({new})"


# What `day_sums` added up, hours of one shape of one span: a runtime has few shapes a day. Spans by their primary key.
# Answers whose day came out different.
MAKE = f"""
WITH whose AS (SELECT unnest(%(sources)s::int[]) AS source),
alike AS MATERIALIZED (
    SELECT h.source, s.tenant_id, s.account, s.runtime, s.plan, s.region, h.shape,
        {", ".join(f"usage_sum(h.{name}) AS {name}" for name in INTEGRALS)}
    FROM unnest(%(source)s::int[], %(span)s::bigint[], %(shape)s::int[],
            {", ".join(f"%({name})s::bigint[]" for name in INTEGRALS)}) AS h (source, span, shape, {", ".join(INTEGRALS)})
    JOIN usage_span s ON s.id = h.span
    GROUP BY h.source, s.tenant_id, s.account, s.runtime, s.plan, s.region, h.shape
),
measured AS MATERIALIZED (
    SELECT a.source, a.tenant_id, a.account, a.runtime, a.plan, a.region, m.key AS meter, d.key AS dimension,
        usage_sum(d.value::bigint * a.observed_seconds) AS quantity,
        usage_sum(d.value::bigint * a.inferred_seconds) AS inferred
    FROM alike a JOIN usage_shape x ON x.id = a.shape, jsonb_each(x.levels) m, jsonb_each_text(m.value) d
    GROUP BY a.source, a.tenant_id, a.account, a.runtime, a.plan, a.region, m.key, d.key
    UNION ALL
    SELECT source, tenant_id, account, runtime, plan, region, 'egress', '', usage_sum(egress_bytes), 0
    FROM alike GROUP BY source, tenant_id, account, runtime, plan, region HAVING usage_sum(egress_bytes) > 0
),
lived AS MATERIALIZED (
    SELECT a.source, a.tenant_id, a.account, a.runtime, a.plan, a.region,
        {", ".join(f"usage_sum(a.{name}) AS {name}" for name in INTEGRALS)},
        usage_sum(a.observed_seconds + a.inferred_seconds + a.unknown_seconds) AS alive_seconds,
        coalesce(sum(x.allocatable_millicores * a.observed_seconds), 0)::bigint AS allocatable_millicores,
        coalesce(sum(x.allocatable_mib * a.observed_seconds), 0)::bigint AS allocatable_mib
    FROM alike a LEFT JOIN usage_shape x ON x.id = a.shape
    GROUP BY a.source, a.tenant_id, a.account, a.runtime, a.plan, a.region
),
fewer AS (
    DELETE FROM usage_day d WHERE d.day = %(day)s AND d.source IN (SELECT source FROM whose) AND NOT EXISTS (
        SELECT FROM measured m WHERE (m.source, m.tenant_id, m.account, m.plan, m.meter, m.dimension)
            = (d.source, d.tenant_id, d.account, d.plan, d.meter, d.dimension))
    RETURNING d.source, d.tenant_id
),
shorter AS (
    DELETE FROM usage_day_life d WHERE d.day = %(day)s AND d.source IN (SELECT source FROM whose) AND NOT EXISTS (
        SELECT FROM lived l WHERE (l.source, l.tenant_id, l.account, l.plan) = (d.source, d.tenant_id, d.account, d.plan))
    RETURNING d.source, d.tenant_id
),
quantities AS (
    INSERT INTO usage_day AS d (day, {_WHOSE}, runtime, region, meter, dimension, quantity, inferred)
    SELECT %(day)s, {_WHOSE}, runtime, region, meter, dimension, quantity, inferred FROM measured ORDER BY source
    ON CONFLICT (day, {_WHOSE}, meter, dimension) DO UPDATE SET (quantity, inferred) = (excluded.quantity, excluded.inferred)
    WHERE {_differs(("quantity", "inferred"))} RETURNING d.source, d.tenant_id
),
lives AS (
    INSERT INTO usage_day_life AS d (day, {_WHOSE}, runtime, region, {_LIVED})
    SELECT %(day)s, {_WHOSE}, runtime, region, {_LIVED} FROM lived ORDER BY source
    ON CONFLICT (day, {_WHOSE}) DO UPDATE SET ({_LIVED}) = ({", ".join(f"excluded.{name}" for name in _LIFE)})
    WHERE {_differs(_LIFE)} RETURNING d.source, d.tenant_id
),
changed AS (
    SELECT * FROM fewer UNION SELECT * FROM shorter UNION SELECT * FROM quantities UNION SELECT * FROM lives
)
INSERT INTO usage_late AS l (tenant_id, month, day, source, changes)
SELECT c.tenant_id, s.month, %(day)s, c.source, 1
FROM changed c JOIN usage_sealed s ON s.tenant_id = c.tenant_id AND s.month = date_trunc('month', %(day)s::date)::date
ORDER BY c.tenant_id, c.source
ON CONFLICT (tenant_id, month, day, source) DO UPDATE SET changes = l.changes + 1, last_at = now()
"""
