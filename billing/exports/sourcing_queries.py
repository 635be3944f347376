"""The SQL of a month's charges with all that a FOCUS row shows of them."""

from __future__ import annotations

# What a runtime emitted stands on the lines of one meter of it, so that nothing is told twice: its nodes' on its processors'
# lines (else its nodes', else its memory's), its storage's on those of block storage (else of the next kind it has). Lines of
# one period share by what they measure; by differences of a running sum, so the parts are the whole. Footprints by their key.
_CARBON = """
weighed AS (
    SELECT c.statement_id, c.line_id, c.tenant_id, c.runtime, c.account, c.plan, c.period_start, c.period_end, c.base_quantity,
        m.kind, m.place, min(m.place) OVER (PARTITION BY c.statement_id, c.runtime, c.account, c.plan, m.kind) AS first
    FROM statements_statement s JOIN statements_charge c ON c.statement_id = s.id
        JOIN unnest(%(carriers)s::text[], %(kinds)s::text[]) WITH ORDINALITY m (meter, kind, place) ON m.meter = c.meter
    WHERE s.month = %(month)s AND (%(statements)s::uuid[] IS NULL OR s.id = ANY(%(statements)s::uuid[]))
        AND c.category = 'Usage' AND c.charge_class = '' AND c.runtime IS NOT NULL AND c.base_quantity > 0
        AND c.commitment_status <> 'Unused'
),
carriers AS (SELECT * FROM weighed WHERE place = first),
emitted AS (
    SELECT k.tenant_id, k.runtime, k.account, k.plan, k.kind, k.period_start, k.period_end,
        sum(CASE k.kind WHEN 'nodes' THEN f.carbon_workload + f.carbon_platform + f.carbon_reserve + f.carbon_idle
            ELSE f.carbon_storage END) AS milligrams
    FROM (SELECT DISTINCT tenant_id, runtime, account, plan, kind, period_start, period_end FROM carriers) k
        JOIN footprint_day f ON f.day >= (k.period_start AT TIME ZONE 'UTC')::date
            AND f.day < (k.period_end AT TIME ZONE 'UTC')::date AND f.tenant_id = k.tenant_id AND f.runtime = k.runtime
            AND f.account = k.account AND f.plan = k.plan
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),
carbon AS (
    SELECT statement_id, line_id,
        round(milligrams * so_far / whole) - round(milligrams * (so_far - base_quantity) / whole) AS milligrams
    FROM (
        SELECT c.statement_id, c.line_id, c.base_quantity, e.milligrams, sum(c.base_quantity) OVER same AS whole,
            sum(c.base_quantity) OVER (same ORDER BY c.line_id) AS so_far
        FROM carriers c JOIN emitted e USING (tenant_id, runtime, account, plan, kind, period_start, period_end)
        WINDOW same AS (PARTITION BY c.statement_id, c.runtime, c.account, c.plan, c.kind, c.period_start, c.period_end)
    ) shared
)
"""

# One statement reads a month's charges as they are at one moment, drafts and sealed. A month has as many statements as there are
# tenants: a pass over the table finds them; charges by their primary key.
CHARGES = f"""
WITH {_CARBON}
SELECT c.*, carbon.milligrams, s.month AS statement_month, s.state AS statement_state, s.names, s.sealed_at,
    o.id AS origin_statement, t.name AS tenant_name,
    p.provider, r.labels, g.display_name AS region_name, m.title AS commitment_title, m.units AS commitment_units
FROM statements_statement s
JOIN statements_charge c ON c.statement_id = s.id
JOIN tenants_tenant t ON t.id = s.tenant_id
LEFT JOIN statements_statement o ON o.tenant_id = s.tenant_id AND o.month = c.origin_month
LEFT JOIN catalog_plan p ON p.key = c.plan
LEFT JOIN runtimes_runtime r ON r.id = c.runtime
LEFT JOIN catalog_region g ON g.provider = p.provider AND g.name = c.region
LEFT JOIN books_commitment m ON m.id = nullif(c.commitment, '')::uuid
LEFT JOIN carbon ON carbon.statement_id = c.statement_id AND carbon.line_id = c.line_id
WHERE s.month = %(month)s AND (%(statements)s::uuid[] IS NULL OR s.id = ANY(%(statements)s::uuid[]))
ORDER BY s.tenant_id, c.position
"""  # noqa: S608 - our own words

# When something of a month changed last. As many statements as there are tenants.
TOUCHED = "SELECT max(greatest(drafted_at, sealed_at)) FROM statements_statement WHERE month = %s"
