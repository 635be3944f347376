"""The SQL of reading usage, by name: each with the index it rides on."""

from __future__ import annotations

from billing.usage.integrals import GAUGES

SUMMED = ("used_seconds", *GAUGES, "egress_bytes", "allocatable_millicores", "allocatable_mib")
_SECONDS = ("alive_seconds", "observed_seconds", "inferred_seconds", "unknown_seconds")
_WHOSE = "d.account, d.runtime, d.plan, d.region"
_PERIODS = {
    True: ("d.day::timestamp AT TIME ZONE 'UTC'", "(d.day + 1)::timestamp AT TIME ZONE 'UTC'", ", d.day"),
    False: (
        "%(first)s::date::timestamp AT TIME ZONE 'UTC'",
        "%(last)s::date::timestamp AT TIME ZONE 'UTC'",
        "",
    ),
}


# Days of one tenant, by (tenant, day): as many rows as it has meters and days, however often it was sampled.
USED_BY_DAY = f"""
SELECT {_WHOSE}, d.meter, d.dimension, {_PERIODS[True][0]}, {_PERIODS[True][1]},
    d.quantity, d.inferred, l.observed_seconds, l.inferred_seconds, l.alive_seconds
FROM usage_day d JOIN usage_day_life l USING (day, source, tenant_id, account, plan)
WHERE d.tenant_id = %(tenant)s AND d.day >= %(first)s AND d.day < %(last)s
ORDER BY {_WHOSE}, d.meter, d.dimension, d.day
"""

# The same added up, for at most MOST_DAYS: a row for each meter with the days on which it was used as bits, and one for each life
# with what is known of its days. Most meters of a runtime share its days, so they are put together by whoever reads this, and
# thousands of rows are neither joined nor sorted. By the days' index of tenants, both.
MOST_DAYS = 62
_BITS = "bit_or(1::bigint << (day - %(first)s::date))"
_DAYS = "WHERE tenant_id = %(tenant)s AND day >= %(first)s AND day < %(last)s"
USED = f"""
SELECT source, account::text, plan, region, NULL AS runtime, meter, dimension, {_BITS}, usage_sum(quantity),
    usage_sum(inferred), NULL::bigint, NULL
FROM usage_day {_DAYS} GROUP BY source, account, plan, region, meter, dimension
UNION ALL
SELECT source, account::text, plan, region, runtime::text, NULL, NULL, {_BITS}, usage_sum(observed_seconds),
    usage_sum(inferred_seconds), usage_sum(alive_seconds),
    array_agg(ARRAY[day - %(first)s::date, observed_seconds, inferred_seconds, alive_seconds])::text
FROM usage_day_life {_DAYS} GROUP BY source, account, plan, region, runtime
"""


def lived(*, by_day: bool) -> str:
    """The same of how much is known."""
    start, end, by = _PERIODS[by_day]
    sums = ", ".join(f"usage_sum(d.{name})" for name in (*_SECONDS, *SUMMED))
    return f"""
SELECT {_WHOSE}, {start}, {end}, {sums} FROM usage_day_life d
WHERE d.tenant_id = %(tenant)s AND d.day >= %(first)s AND d.day < %(last)s
GROUP BY {_WHOSE}{by} ORDER BY {_WHOSE}{by}
"""


# Today's hours of one tenant, through a function that looks behind the blocks' protection. Of the hour that goes on, what is
# still to come counts as unknown in its row, for the row does not depend on when it was made; here it is taken off. Of what has
# ended by now nothing is to come.
_TODAY = """
WITH d AS (
    SELECT s.account, s.runtime, s.plan, s.region, h.*,
        CASE WHEN h.shape <> 0 OR h.hour < %(hour)s THEN h.unknown_seconds
            ELSE greatest(0, h.unknown_seconds - greatest(0, extract(epoch FROM
                least(coalesce(s.until, 'infinity'), h.hour + interval '1 hour') - greatest(s.since, %(now)s))::bigint))
        END AS missed
    FROM usage_hours_of(%(tenant)s, %(start)s, %(end)s) h JOIN usage_span s ON s.id = h.span
)"""
USED_TODAY = f"""{_TODAY},
life AS (
    SELECT runtime, account, plan, region, usage_sum(observed_seconds) AS observed,
        usage_sum(inferred_seconds) AS guessed, usage_sum(observed_seconds + inferred_seconds + missed) AS alive,
        usage_sum(egress_bytes) AS egress
    FROM d GROUP BY runtime, account, plan, region
),
measured AS (
    SELECT {_WHOSE}, m.key AS meter, x.key AS dimension, usage_sum(x.value::bigint * d.observed_seconds) AS quantity,
        usage_sum(x.value::bigint * d.inferred_seconds) AS inferred
    FROM (
        SELECT account, runtime, plan, region, shape, usage_sum(observed_seconds) AS observed_seconds,
            usage_sum(inferred_seconds) AS inferred_seconds
        FROM d GROUP BY account, runtime, plan, region, shape
    ) d
    JOIN usage_shapes((SELECT array_agg(DISTINCT shape) FROM d)) s ON s.id = d.shape,
        jsonb_each(s.levels) m, jsonb_each_text(m.value) x
    GROUP BY {_WHOSE}, m.key, x.key
    UNION ALL
    SELECT account, runtime, plan, region, 'egress', '', egress, 0 FROM life WHERE egress > 0
)
SELECT {_WHOSE}, d.meter, d.dimension, %(start)s::timestamptz, %(now)s::timestamptz, d.quantity, d.inferred,
    l.observed, l.guessed, l.alive
FROM measured d JOIN life l USING (runtime, account, plan, region) ORDER BY {_WHOSE}, d.meter, d.dimension
"""
_SUMS_TODAY = ", ".join(f"usage_sum(d.{name})" for name in ("used_seconds", *GAUGES, "egress_bytes"))
LIVED_TODAY = f"""{_TODAY}
SELECT {_WHOSE}, %(start)s::timestamptz, %(now)s::timestamptz, usage_sum(d.observed_seconds + d.inferred_seconds + d.missed),
    usage_sum(d.observed_seconds), usage_sum(d.inferred_seconds), usage_sum(d.missed), {_SUMS_TODAY},
    coalesce(sum(s.allocatable_millicores * d.observed_seconds), 0)::bigint,
    coalesce(sum(s.allocatable_mib * d.observed_seconds), 0)::bigint
FROM d LEFT JOIN usage_shapes((SELECT array_agg(DISTINCT shape) FROM d)) s ON s.id = d.shape
GROUP BY {_WHOSE} ORDER BY {_WHOSE}
"""

# Through a function that looks behind the samples' protection, for one hour, as far as it was the asking tenant's.
SAMPLES_OF_HOUR = "SELECT * FROM usage_samples_of_hour(%s, %s, %s) ORDER BY slot, epoch"

# A source's first sight in an hour counts. By the index of hours.
COMPONENT_USE = """
WITH firsts AS (
    SELECT DISTINCT ON (u.hour, s.key) s.value AS used FROM usage_component_use u, jsonb_each(u.used::jsonb) s
    WHERE u.hour >= %s AND u.hour < %s ORDER BY u.hour, s.key, u.id
)
SELECT c.key, count(*), avg((c.value ->> 0)::bigint)::bigint, avg((c.value ->> 1)::bigint)::bigint
FROM firsts, jsonb_each(firsts.used) c GROUP BY c.key ORDER BY c.key
"""
