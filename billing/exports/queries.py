"""The SQL of exports, by name: each with its reason and the index it rides on."""

from __future__ import annotations

from typing import Any

from django.db import connection

# One file has one writer at a time, whoever asks for it how often.
ITS_FILE_IS_WRITTEN = """SELECT FROM exports_focusexport o WHERE o.id <> job.id AND o.state = 'running' AND o.month = job.month
    AND o.version = job.version AND o.file_format = job.file_format AND o."to" = job."to" """

# Sealed statements of a month that no part of a closed export holds yet. A part names its statements.
NOT_YET_IN_A_PART = """
SELECT s.id FROM statements_statement s
WHERE s.month = %(month)s AND s.state = 'sealed' AND NOT EXISTS (
    SELECT FROM exports_focusexport e WHERE e.month = %(month)s AND e.version = %(version)s AND e.file_format = %(file_format)s
        AND e."to" = %(to)s AND e.state = 'done' AND e.closed AND s.id = ANY(e.statements))
ORDER BY s.id
"""


def rows(statement: str, values: Any) -> list[tuple[Any, ...]]:
    """Run a statement and return what it finds."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


# Where a bill's rows wait until all of them are read; gone with the transaction, whatever becomes of it.
BILL_LINES = """
CREATE TEMPORARY TABLE IF NOT EXISTS exports_bill_line (
    day date, runtime uuid, landscape text, meter_group text, product text, resource text, unblended numeric, amortized numeric
) ON COMMIT DROP;
TRUNCATE exports_bill_line
"""
COPY_LINES = """
COPY exports_bill_line (day, runtime, landscape, meter_group, product, resource, unblended, amortized) FROM STDIN
"""

# One pass over the rows: what each kind of thing cost a runtime on a day. Of what nobody owns the resource is kept:
# somebody has to look.
BOOK_LINES = """
INSERT INTO exports_providercost (bill_id, day, runtime, landscape, meter_group, product, resource, lines, unblended, amortized)
SELECT %(bill)s, day, runtime, landscape, meter_group, product, CASE WHEN runtime IS NULL THEN resource ELSE '' END, count(*),
    sum(unblended), sum(amortized)
FROM exports_bill_line GROUP BY 2, 3, 4, 5, 6, 7
"""

# Two imports of one bill, one after the other. Held to the transaction's end.
LOCK_BILL = "SELECT pg_advisory_xact_lock(hashtext('provider bill'), hashtext(%s))"

# A month's place, once. By the unique index.
KNOW_PLACE = """
INSERT INTO exports_billplace (provider, file_format, place, fingerprint, fault, due_at)
VALUES (%(provider)s, %(format)s, %(place)s, '', '', %(now)s)
ON CONFLICT (provider, place) DO NOTHING RETURNING id
"""

# Places whose turn it is; whoever takes one is followed by nobody for as long as a turn takes. By exports_bill_place_due.
CLAIM_PLACES = """
UPDATE exports_billplace SET due_at = CASE WHEN looked_at IS NOT NULL AND place <> ALL(%(places)s::text[])
    THEN %(now)s::timestamptz + interval '100 years' ELSE %(until)s END
WHERE id IN (SELECT id FROM exports_billplace WHERE due_at <= %(now)s ORDER BY due_at LIMIT 20 FOR UPDATE SKIP LOCKED)
RETURNING id
"""

# Every runtime that ever was, as the provider calls its cluster. One pass over the runtimes, once an import.
LIVES = """
SELECT r.id, 'shoot--' || coalesce(l.config ->> 'project', 'nesoi') || '--' || r.cluster_name, l.key, r.created_at::date,
    r.deleted_at::date
FROM runtimes_runtime r JOIN landscapes_landscape l ON l.id = r.landscape_id ORDER BY r.created_at DESC
"""

# A page of days of usage. Of everybody by the primary key, of one tenant by the index of tenants and days.
USAGE_PAGE = """
SELECT d.day, d.source, d.tenant_id, t.slug AS tenant, d.account, d.runtime, d.plan, d.region, d.meter, d.dimension,
    d.quantity, d.inferred, l.observed_seconds, l.inferred_seconds, l.unknown_seconds, l.alive_seconds
FROM usage_day d JOIN usage_day_life l USING (day, source, tenant_id, account, plan)
    LEFT JOIN tenants_tenant t ON t.id = d.tenant_id
WHERE d.day >= %(first)s AND d.day < %(last)s AND (%(tenant)s::uuid IS NULL OR d.tenant_id = %(tenant)s)
    AND (%(runtime)s::uuid IS NULL OR d.runtime = %(runtime)s) AND (%(meter)s = '' OR d.meter = %(meter)s)
    AND (d.day, d.source, d.tenant_id, d.account, d.plan, d.meter, d.dimension)
        > (%(k0)s::date, %(k1)s::int, %(k2)s::uuid, %(k3)s::uuid, %(k4)s, %(k5)s, %(k6)s)
ORDER BY d.day, d.source, d.tenant_id, d.account, d.plan, d.meter, d.dimension LIMIT %(limit)s
"""

# A page of charges, by their primary key.
CHARGES_PAGE = """
SELECT c.*, s.month, s.state AS statement_state, t.slug AS tenant
FROM statements_charge c JOIN statements_statement s ON s.id = c.statement_id JOIN tenants_tenant t ON t.id = c.tenant_id
WHERE s.month >= %(first)s AND s.month < %(last)s AND (%(tenant)s::uuid IS NULL OR s.tenant_id = %(tenant)s)
    AND (%(runtime)s::uuid IS NULL OR c.runtime = %(runtime)s) AND (%(meter)s = '' OR c.meter = %(meter)s)
    AND (c.statement_id, c.line_id) > (%(k0)s::uuid, %(k1)s)
ORDER BY c.statement_id, c.line_id LIMIT %(limit)s
"""

# A day of one tenant, by the index of tenants and days.
DAY_OF_TENANT = """
SELECT runtime, account, plan, region, meter, dimension, quantity, inferred FROM usage_day
WHERE tenant_id = %s AND day = %s ORDER BY runtime, meter, dimension LIMIT %s
"""

# What was sealed for a tenant lately: its statements are few, by the unique index of tenants and months.
SEALED_LATELY = """
SELECT id, month, number, total, currency, sealed_at FROM statements_statement
WHERE tenant_id = %s AND state = 'sealed' AND sealed_at >= %s ORDER BY number
"""
CHARGES_OF_STATEMENT = """
SELECT line_id, category, account, runtime, meter, quantity, unit, billed_cost, description FROM statements_charge
WHERE statement_id = %s ORDER BY position LIMIT %s
"""
