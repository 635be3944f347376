"""The SQL of making and reading footprints, by name: each with its reason and the index it rides on."""

from __future__ import annotations

# Oldest first, so that weeks fill up in order; a row for each making of a day. By the index of days.
DIRTY_DAYS = "SELECT DISTINCT day FROM footprint_dirty WHERE day < %s ORDER BY day LIMIT %s"

# One at a time makes a day. Held to the transaction's end.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('footprint day'), %s)"
CLAIM = "DELETE FROM footprint_dirty WHERE day = %s RETURNING sources"

# What a footprint is made of: lives and quantities by the days' primary keys, the provider by the spans' index of sources.
FACTS = """
SELECT l.source, l.tenant_id, l.account, l.plan, l.runtime, l.region,
    coalesce((SELECT s.provider FROM usage_span s WHERE s.source = l.source ORDER BY s.since DESC LIMIT 1), '') AS provider,
    l.alive_seconds, l.observed_seconds, l.used_seconds,
    l.workload_requested_millicores, l.workload_requested_mib, l.workload_used_millicores, l.workload_used_mib,
    l.platform_requested_millicores, l.platform_requested_mib, l.platform_used_millicores, l.platform_used_mib,
    l.allocatable_millicores, l.allocatable_mib,
    coalesce((
        SELECT jsonb_agg(jsonb_build_array(d.meter, d.dimension, d.quantity) ORDER BY d.meter, d.dimension) FROM usage_day d
        WHERE d.day = l.day AND d.source = l.source AND d.tenant_id = l.tenant_id AND d.account = l.account AND d.plan = l.plan
            AND d.meter = ANY(%(meters)s)
    ), '[]') AS quantities
FROM usage_day_life l WHERE l.day = %(day)s AND l.source = ANY(%(sources)s::int[])
ORDER BY l.source, l.tenant_id, l.account, l.plan
"""

# Whose runtimes are made. By the lives' primary key.
TENANTS = "SELECT DISTINCT tenant_id FROM usage_day_life WHERE day = %s AND source = ANY(%s::int[]) ORDER BY tenant_id"

# A thousand rows in one text: a third of the time that as many rows of parameters take.
KEEP = "INSERT INTO footprint_day SELECT * FROM json_populate_recordset(NULL::footprint_day, %s)"
FORGET = "DELETE FROM footprint_day WHERE day = %s AND source = ANY(%s::int[])"

# The fleet's components in two stretches of days: the newest, and as long a one some weeks before. As many rows as there are
# components, plans and days, however large the fleet is. By the primary key.
RANKING = """
SELECT component, plan,
    max(runtimes) FILTER (WHERE day >= %(now)s),
    sum(seconds) FILTER (WHERE day >= %(now)s)::bigint,
    sum(requested_millicores) FILTER (WHERE day >= %(now)s)::bigint, sum(requested_mib) FILTER (WHERE day >= %(now)s)::bigint,
    sum(used_seconds) FILTER (WHERE day >= %(now)s)::bigint,
    sum(used_millicores) FILTER (WHERE day >= %(now)s)::bigint, sum(used_mib) FILTER (WHERE day >= %(now)s)::bigint,
    sum(requested_millicores) FILTER (WHERE day < %(now)s)::bigint, sum(requested_mib) FILTER (WHERE day < %(now)s)::bigint
FROM footprint_component_day
WHERE (day >= %(now)s AND day < %(end)s) OR (day >= %(before)s AND day < %(before_end)s)
GROUP BY component, plan ORDER BY component, plan
"""
COMPONENT_DAYS = """
SELECT day, component, sum(requested_millicores)::bigint, sum(requested_mib)::bigint
FROM footprint_component_day WHERE day >= %s AND day < %s GROUP BY day, component ORDER BY day, component
"""
SEEN_DAYS = """
SELECT count(DISTINCT day) FILTER (WHERE day >= %(now)s AND day < %(end)s),
    count(DISTINCT day) FILTER (WHERE day >= %(before)s AND day < %(before_end)s)
FROM footprint_component_day WHERE day >= %(before)s AND day < %(end)s
"""

# What findings rest on: each runtime's days in a stretch; of a tenant by the lives' index of tenants, of the fleet by their key.
# A runtime that is gone needs no advice.
FINDING_FACTS = """
SELECT l.runtime, l.source, l.tenant_id, l.account, count(*) FILTER (WHERE l.observed_seconds > 0)::int, min(l.day), max(l.day),
    sum(l.alive_seconds)::bigint, sum(l.observed_seconds)::bigint, sum(l.used_seconds)::bigint,
    sum(l.allocatable_millicores)::bigint, sum(l.allocatable_mib)::bigint,
    sum(l.workload_requested_millicores)::bigint, sum(l.workload_requested_mib)::bigint,
    sum(l.workload_used_millicores)::bigint, sum(l.workload_used_mib)::bigint,
    sum(l.platform_used_millicores)::bigint, sum(l.platform_used_mib)::bigint
FROM usage_day_life l
WHERE l.day >= %(first)s AND l.day < %(last)s {of_tenant}
    AND EXISTS (SELECT FROM runtimes_runtime r WHERE r.id = l.runtime AND r.deleted_at IS NULL AND r.tenant_id = l.tenant_id)
GROUP BY l.runtime, l.source, l.tenant_id, l.account HAVING sum(l.observed_seconds) > 0 ORDER BY l.runtime DESC
"""


def finding_facts(*, of_tenant: bool) -> str:
    """Return the statement for one tenant, or for the fleet."""
    return FINDING_FACTS.format(of_tenant="AND l.tenant_id = %(tenant)s" if of_tenant else "")
