"""The SQL of reconciliation and margin: sums over a month's days, charges and costs, never over samples.

`%(codes)s`, `%(worth)s` are currencies and what one unit of each is worth in the house's; `%(meters)s`, `%(groups)s` the
meters and their groups. Days by their primary key, which begins with the day; charges by their statement; costs by their bill.
"""

from __future__ import annotations

_KNOWN = """
rates AS (SELECT * FROM unnest(%(codes)s::text[], %(worth)s::numeric[]) r (currency, worth)),
groups AS (SELECT * FROM unnest(%(meters)s::text[], %(groups)s::text[]) g (meter, meter_group)),
cost AS (
    SELECT b.provider, c.landscape, c.meter_group, c.runtime, c.day, c.amortized * r.worth AS amount
    FROM exports_providerbill b JOIN exports_providercost c ON c.bill_id = b.id JOIN rates r USING (currency)
    WHERE b.month = %(month)s
),
charge AS (
    SELECT c.tenant_id, c.plan, c.runtime, coalesce(g.meter_group, 'other') AS meter_group, c.billed_cost * r.worth AS billed,
        CASE WHEN c.category = 'Usage' THEN c.list_cost * r.worth ELSE 0 END AS listed
    FROM statements_statement s JOIN statements_charge c ON c.statement_id = s.id JOIN rates r ON r.currency = c.currency
    LEFT JOIN groups g ON g.meter = c.meter
    WHERE s.month = %(month)s
),
place AS (
    SELECT r.id AS runtime, l.key AS landscape FROM runtimes_runtime r JOIN landscapes_landscape l ON l.id = r.landscape_id
),
known AS (
    SELECT DISTINCT ON (day, runtime) day, runtime, tenant_id, plan FROM usage_day_life
    WHERE day >= %(month)s AND day < %(end)s ORDER BY day, runtime, alive_seconds DESC, tenant_id, plan
)
"""

# Which currencies have to be known.
CURRENCIES = """
SELECT currency FROM exports_providerbill WHERE month = %(month)s
UNION SELECT currency FROM statements_statement WHERE month = %(month)s
"""

# What the provider billed, what was measured (at list price, and on how many days of runtimes), what tenants were billed. What
# nobody owns is a row of its own, so every column adds up to its whole.
RECONCILE = f"""
WITH {_KNOWN},
theirs AS (
    SELECT provider, landscape, meter_group, runtime IS NULL AS nobodys, sum(amount) AS cost,
        count(DISTINCT (runtime, day)) FILTER (WHERE runtime IS NOT NULL) AS days
    FROM cost GROUP BY 1, 2, 3, 4
),
measured AS (
    SELECT p.provider, coalesce(l.landscape, '') AS landscape, g.meter_group, false AS nobodys,
        count(DISTINCT (d.runtime, d.day)) AS days
    FROM usage_day d JOIN groups g USING (meter) JOIN catalog_plan p ON p.key = d.plan LEFT JOIN place l USING (runtime)
    WHERE d.day >= %(month)s AND d.day < %(end)s AND d.quantity > 0 GROUP BY 1, 2, 3
),
ours AS (
    SELECT coalesce(p.provider, '') AS provider, coalesce(l.landscape, '') AS landscape, c.meter_group, false AS nobodys,
        sum(c.billed) AS billed, sum(c.listed) AS listed
    FROM charge c LEFT JOIN catalog_plan p ON p.key = c.plan LEFT JOIN place l USING (runtime) GROUP BY 1, 2, 3
)
SELECT provider, landscape, meter_group, nobodys, coalesce(t.cost, 0), coalesce(t.days, 0), coalesce(m.days, 0),
    coalesce(o.listed, 0), coalesce(o.billed, 0)
FROM theirs t FULL JOIN measured m USING (provider, landscape, meter_group, nobodys)
    FULL JOIN ours o USING (provider, landscape, meter_group, nobodys)
ORDER BY nobodys, provider, landscape, meter_group
"""

# Days of runtimes that the provider billed and nobody measured.
UNMEASURED = f"""
WITH {_KNOWN}
SELECT count(*), coalesce(sum(amount), 0) FROM (
    SELECT c.runtime, c.day, sum(c.amount) AS amount FROM cost c
    LEFT JOIN known k ON k.runtime = c.runtime AND k.day = c.day
    WHERE c.runtime IS NOT NULL AND k.runtime IS NULL GROUP BY 1, 2
) lost
"""

# A day's cost is the tenant's and plan's that had the runtime longest on it; who left no day is known by the runtime itself.
_OWNED = f"""
WITH {_KNOWN},
owned AS (
    SELECT coalesce(k.tenant_id, r.tenant_id) AS tenant_id, coalesce(k.plan, r.plan_id) AS plan, c.amount
    FROM cost c LEFT JOIN known k ON k.runtime = c.runtime AND k.day = c.day LEFT JOIN runtimes_runtime r ON r.id = c.runtime
)
"""
MARGIN_OF_TENANTS = f"""
{_OWNED},
theirs AS (SELECT tenant_id, sum(amount) AS cost FROM owned GROUP BY 1),
ours AS (SELECT tenant_id, sum(billed) AS billed FROM charge GROUP BY 1)
SELECT t.slug, t.name, coalesce(o.billed, 0), coalesce(c.cost, 0)
FROM theirs c FULL JOIN ours o ON o.tenant_id = c.tenant_id
    LEFT JOIN tenants_tenant t ON t.id = coalesce(c.tenant_id, o.tenant_id)
ORDER BY t.slug NULLS LAST
"""
MARGIN_OF_PLANS = f"""
{_OWNED},
theirs AS (SELECT plan, sum(amount) AS cost FROM owned GROUP BY 1),
ours AS (SELECT nullif(plan, '') AS plan, sum(billed) AS billed FROM charge GROUP BY 1)
SELECT coalesce(c.plan, o.plan), coalesce(p.name, coalesce(c.plan, o.plan)), sum(coalesce(o.billed, 0)), sum(coalesce(c.cost, 0))
FROM theirs c FULL JOIN ours o ON o.plan = c.plan LEFT JOIN catalog_plan p ON p.key = coalesce(c.plan, o.plan)
GROUP BY 1, 2 ORDER BY 1 NULLS LAST
"""

# What a plan's margin is made of; the same sums as above, of one plan.
TENANTS_OF_PLAN = f"""
{_OWNED},
theirs AS (SELECT tenant_id, sum(amount) AS cost FROM owned WHERE plan = %(plan)s GROUP BY 1),
ours AS (SELECT tenant_id, sum(billed) AS billed FROM charge WHERE plan = %(plan)s GROUP BY 1)
SELECT t.slug, t.name, coalesce(o.billed, 0), coalesce(c.cost, 0)
FROM theirs c FULL JOIN ours o ON o.tenant_id = c.tenant_id
    LEFT JOIN tenants_tenant t ON t.id = coalesce(c.tenant_id, o.tenant_id)
ORDER BY t.slug NULLS LAST
"""

# What one row of RECONCILE measured and billed, by tenant. A runtime that moved within a day counts for both of its tenants.
TENANTS_OF_GROUP = f"""
WITH {_KNOWN},
measured AS (
    SELECT d.tenant_id, count(DISTINCT (d.runtime, d.day)) AS days
    FROM usage_day d JOIN groups g USING (meter) JOIN catalog_plan p ON p.key = d.plan LEFT JOIN place l USING (runtime)
    WHERE d.day >= %(month)s AND d.day < %(end)s AND d.quantity > 0
        AND (p.provider, coalesce(l.landscape, ''), g.meter_group) = (%(provider)s, %(landscape)s, %(meter_group)s)
    GROUP BY 1
),
ours AS (
    SELECT c.tenant_id, sum(c.billed) AS billed, sum(c.listed) AS listed
    FROM charge c LEFT JOIN catalog_plan p ON p.key = c.plan LEFT JOIN place l USING (runtime)
    WHERE (coalesce(p.provider, ''), coalesce(l.landscape, ''), c.meter_group) = (%(provider)s, %(landscape)s, %(meter_group)s)
    GROUP BY 1
)
SELECT t.slug, t.name, coalesce(m.days, 0), coalesce(o.listed, 0), coalesce(o.billed, 0)
FROM measured m FULL JOIN ours o USING (tenant_id) JOIN tenants_tenant t ON t.id = tenant_id
ORDER BY t.slug
"""

# What the trial plan cost, and how many trials' runtimes began in the month.
TRIALS = f"""
{_OWNED}
SELECT (SELECT coalesce(sum(amount), 0) FROM owned WHERE plan = %(trial)s),
    (SELECT count(*) FROM (
        SELECT runtime FROM usage_span WHERE plan = %(trial)s
        GROUP BY runtime HAVING min(since) >= %(month)s AND min(since) < %(end)s
    ) begun)
"""
