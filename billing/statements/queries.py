"""The SQL of statements, by name: each with its reason and the index it rides on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from billing.statements.models import State, Statement
from billing.usage.ports import last_month

# What many tenants used in a month, summed up in one pass over its days: by (tenant, day). `edges` are the days on which some
# price, credit or commitment of one of them begins or ends; who has no such day is cut finer than needed, which rating mends.
# `days` has a bit for each day with any use: how long was seen on these says LIVES, once for all meters that share them.
USAGE = """
WITH used AS (
    SELECT d.source, d.tenant_id, d.account, d.plan, d.region, d.meter, d.dimension, min(d.day) AS since, max(d.day) + 1 AS until,
        sum(d.quantity)::bigint AS quantity, sum(d.inferred)::bigint AS inferred,
        bit_or(1::bigint << (d.day - %(first)s::date)) AS days
    FROM usage_day d WHERE d.tenant_id = ANY(%(tenants)s) AND d.day >= %(first)s AND d.day < %(last)s
        AND d.meter <> ALL(%(unbilled)s)
    GROUP BY d.source, d.tenant_id, d.account, d.plan, d.region, d.meter, d.dimension, width_bucket(d.day, %(edges)s::date[])
)
SELECT u.tenant_id, u.source, u.days, u.since, u.until, u.inferred, u.quantity, u.account::text, s.runtime::text, u.plan,
    u.region, u.meter, u.dimension
FROM used u JOIN usage_source s ON s.id = u.source
ORDER BY u.source, u.account, u.plan COLLATE "C", u.region COLLATE "C", u.meter COLLATE "C", u.dimension COLLATE "C", u.since
"""

# How much of each day is known, as lists side by side: one row for each runtime. By (tenant, day).
LIVES = """
SELECT tenant_id, source, account::text, plan, array_agg(1::bigint << (day - %(first)s::date)), array_agg(observed_seconds),
    array_agg(inferred_seconds), array_agg(alive_seconds)
FROM usage_day_life WHERE tenant_id = ANY(%(tenants)s) AND day >= %(first)s AND day < %(last)s
GROUP BY tenant_id, source, account, plan
"""

# Sorting on disk what many tenants used would take longer than all the rest; and a second process adds up half of it, which
# PostgreSQL thinks too dear for so few rows.
ROOM = (
    "SET LOCAL work_mem = '64MB'; SET LOCAL parallel_setup_cost = 100; SET LOCAL parallel_tuple_cost = 0.01"
)

# What books gave back by themselves in earlier statements, by the month that it is about and in its currency. Few tenants have
# such a plan, and theirs are few statements: by tenant and month, then by the charges' primary key. Corrections in the month's
# own statement come apart: whoever makes that statement makes them anew.
GIVEN = """
SELECT c.tenant_id, coalesce(c.origin_month, s.month), c.credit, coalesce(c.booked_as ->> 'currency', c.currency),
    -sum(coalesce((c.booked_as ->> 'billed_cost')::numeric, c.billed_cost)), s.month = %(month)s
FROM statements_statement s JOIN statements_charge c ON c.statement_id = s.id
WHERE s.tenant_id = ANY(%(tenants)s) AND c.category = 'Credit' AND c.credit = c.book
    AND (s.month < %(month)s OR %(own)s AND s.month = %(month)s AND c.origin_month IS NOT NULL)
GROUP BY 1, 2, 3, 4, 6
"""

# How much of their time is known. By the index of tenants.
COVERAGE = """
SELECT tenant_id, sum(alive_seconds)::bigint, sum(observed_seconds)::bigint, sum(inferred_seconds)::bigint,
    sum(unknown_seconds)::bigint
FROM usage_day_life WHERE tenant_id = ANY(%(tenants)s) AND day >= %(first)s AND day < %(last)s GROUP BY tenant_id
"""

# Those for whom nobody drafts or seals: the lock of `books.queries`. Held to the transaction's end.
TRY_LOCK = """
SELECT t FROM unnest(%s::text[]) t WHERE pg_try_advisory_xact_lock(hashtext('statements'), hashtext(t))
"""

# While a month is sealed none of its days is made anew: what changes did so before, and is in it, or does so later, as late.
# Whoever makes a day takes this lock alone and does not wait for it; two who seal share it.
LOCK_DAYS = "SELECT pg_advisory_xact_lock_shared(hashtext('usage day'), n) FROM unnest(%s::int[]) n"

# Tenants whose statement for a month is to be made. Each exists-test by an index of tenants; who is sealed falls out first.
TENANTS = """
SELECT t.id FROM tenants_tenant t
WHERE NOT EXISTS (SELECT FROM usage_sealed s WHERE s.tenant_id = t.id AND s.month = %(first)s) AND (
    EXISTS (SELECT FROM usage_day_life l WHERE l.tenant_id = t.id AND l.day >= %(first)s AND l.day < %(last)s)
    OR EXISTS (SELECT FROM books_commitment c WHERE c.tenant_id = t.id AND c.starts <= %(first)s AND c.ends >= %(last)s)
    OR EXISTS (SELECT FROM statements_statement s WHERE s.tenant_id = t.id AND s.month = %(first)s)
    OR %(pending)s AND (
        EXISTS (SELECT FROM statements_adjustment a
            WHERE a.tenant_id = t.id AND a.statement_id IS NULL AND a.withdrawn_at IS NULL)
        OR EXISTS (SELECT FROM usage_late u WHERE u.tenant_id = t.id)))
ORDER BY t.id
"""

# The first day there is usage of: the days' primary key begins with the day.
FIRST_DAY = "SELECT min(day) FROM usage_day_life"

# Names as they are now, to stand in the statement for good. By primary key.
NAMES = """
SELECT id::text, slug FROM tenants_account WHERE id = ANY(%(accounts)s::uuid[])
UNION ALL SELECT id::text, name FROM runtimes_runtime WHERE id = ANY(%(runtimes)s::uuid[])
"""

# What a draft had. By the charges' primary key.
CLEAR = "DELETE FROM statements_charge WHERE statement_id = ANY(%s)"

# Many statements' lines at once, column by column; COPY does not enter a table under row-level security.
LOAD = """
INSERT INTO statements_charge ({columns})
SELECT {columns} FROM unnest({lines}) l ({line}) JOIN unnest({kinds}) WITH ORDINALITY k ({kind}, kind) USING (kind)
"""


def rows(statement: str, values: Any) -> list[tuple[Any, ...]]:
    """Run a statement and return what it finds."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def make_room() -> None:
    """Let this transaction add up in memory."""
    with connection.cursor() as cursor:
        cursor.execute(ROOM)


def try_lock(tenants: Sequence[UUID]) -> list[UUID]:
    """Return those tenants for which nobody else drafts or seals; they are locked now."""
    return [UUID(text) for (text,) in rows(TRY_LOCK, [[str(tenant) for tenant in tenants]])]


def lock_days(first: date, last: date) -> None:
    """Wait until none of the days [first, last) is being made anew, and let none be until the transaction ends."""
    rows(LOCK_DAYS, [list(range(first.toordinal(), last.toordinal()))])


def tenants_of(first: date, last: date, *, pending: bool) -> list[UUID]:
    """Return whose statement for a month is to be made; `pending` adds those with nothing but corrections or adjustments."""
    return [tenant for (tenant,) in rows(TENANTS, {"first": first, "last": last, "pending": pending})]


def names_of(accounts: Iterable[str], runtimes: Iterable[str]) -> dict[str, str]:
    """Return {id: name}; what is gone for good has none."""
    found = rows(NAMES, {"accounts": sorted(accounts), "runtimes": sorted(runtimes)})
    return dict(found)


def needed_since(today: date) -> date:
    """Return the first day whose samples some statement still needs: of the oldest draft, or of last month."""
    oldest = (
        Statement.objects.filter(state=State.DRAFT).order_by("month").values_list("month", flat=True).first()
    )
    return min(oldest or today, last_month(today))


def following(month: date) -> date:
    """Return the first day of the next month."""
    return (month + timedelta(days=31)).replace(day=1)
