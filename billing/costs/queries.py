"""The SQL that matters here, by name, each with its reason and the index it rides on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from billing.usage.queries import array

# Whose turn it is, by the index of due budgets; a beat beside this one takes others. Where nothing lives an hour
# will do, for late usage: by the index of spans' tenants.
CLAIM_BUDGETS = """
WITH turn AS (
    SELECT id FROM costs_budget WHERE due_at <= %(now)s ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE costs_budget b SET due_at = %(now)s::timestamptz + CASE
    WHEN EXISTS (SELECT FROM usage_span s WHERE s.tenant_id = b.tenant_id AND s.until IS NULL) THEN %(soon)s::interval
    ELSE %(late)s::interval END
FROM turn WHERE b.id = turn.id RETURNING b.id, b.tenant_id
"""

# How a budget stands; the older of two looks never overwrites the newer one, and one that had a problem never says less than
# was known before. By the unique index.
NOTE_MONTH = """
INSERT INTO costs_budget_month AS m (tenant_id, budget_id, month, spent, expected, low, high, problem, checked_at)
VALUES (%(tenant)s, %(budget)s, %(month)s, %(spent)s, %(expected)s, %(low)s, %(high)s, %(problem)s, %(now)s)
ON CONFLICT (budget_id, month) DO UPDATE SET
    (spent, expected, low, high, problem, checked_at)
    = (CASE excluded.problem WHEN '' THEN excluded.spent ELSE greatest(m.spent, excluded.spent) END,
        excluded.expected, excluded.low, excluded.high, excluded.problem, excluded.checked_at)
WHERE m.checked_at <= excluded.checked_at
"""

# Thresholds that were passed: answers the ones that nobody noticed before, so that each is told once. By the unique index.
NOTICE = """
INSERT INTO costs_budget_alert (tenant_id, budget_id, month, basis, threshold, value, amount)
SELECT %(tenant)s, %(budget)s, %(month)s, %(basis)s, passed, %(value)s, %(amount)s FROM unnest(%(passed)s::int[]) passed
ON CONFLICT (budget_id, month, basis, threshold) DO NOTHING RETURNING threshold
"""

# Finished days that came out different, newest first; gone in the transaction that looks at them.
CLAIM_DAYS = """
DELETE FROM costs_dirty_day WHERE id IN (
    SELECT id FROM costs_dirty_day ORDER BY day DESC, id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING day, sources
"""

# A few days of some runtimes: one probe of the days' primary key for each.
QUANTITIES = """
SELECT d.tenant_id, d.account, d.runtime, d.day, d.plan, d.region, d.meter, d.dimension, d.quantity + d.inferred
FROM unnest(%(days)s::date[]) p (day), unnest(%(sources)s::int[]) s (source), usage_day d
WHERE d.day = p.day AND d.source = s.source
"""
LIVES = """
SELECT d.tenant_id, d.runtime, d.day, sum(d.alive_seconds)::bigint, sum(d.observed_seconds + d.inferred_seconds)::bigint
FROM unnest(%(days)s::date[]) p (day), unnest(%(sources)s::int[]) s (source), usage_day_life d
WHERE d.day = p.day AND d.source = s.source
GROUP BY d.tenant_id, d.runtime, d.day
"""

# Once per runtime and day: what a person dismissed stays dismissed, what had settled is open again. By the unique index.
PUT_ANOMALY = """
INSERT INTO costs_anomaly AS a
    (id, tenant_id, account, runtime, day, worth, usual, currency, score, compared, same_weekday, moved, state, reason,
        answered_by)
VALUES (%(id)s, %(tenant)s, %(account)s, %(runtime)s, %(day)s, %(worth)s, %(usual)s, %(currency)s, %(score)s, %(compared)s,
    %(same_weekday)s, %(moved)s, 'open', '', '')
ON CONFLICT (tenant_id, runtime, day) DO UPDATE SET
    (account, worth, usual, currency, score, compared, same_weekday, moved)
    = (excluded.account, excluded.worth, excluded.usual, excluded.currency, excluded.score, excluded.compared,
        excluded.same_weekday, excluded.moved),
    state = CASE a.state WHEN 'settled' THEN 'open' ELSE a.state END
"""

# The hours of a runtime's day, as far as it was the tenant's: through a function that opens no other's.
HOURS = """
WITH h AS (SELECT * FROM usage_hours_of(%(tenant)s, %(start)s, %(end)s, %(runtime)s))
SELECT h.hour, sum(observed_seconds)::int, sum(inferred_seconds)::int, sum(unknown_seconds)::int, sum(egress_bytes)::bigint,
    max(revision), max(rolled_at),
    coalesce(jsonb_agg(jsonb_build_array(x.levels, observed_seconds)) FILTER (WHERE x.id IS NOT NULL), '[]')
FROM h LEFT JOIN usage_shapes((SELECT array_agg(DISTINCT shape) FROM h)) x ON x.id = h.shape
GROUP BY h.hour ORDER BY h.hour
"""


# What tenants' nodes were on a day, by whose and meter. By the days' index of tenants.
NODE_QUANTITIES = """
SELECT tenant_id, account, plan, region, runtime, meter, dimension, quantity FROM usage_day
WHERE tenant_id = ANY(%(tenants)s) AND day = %(day)s AND meter = ANY(%(meters)s)
"""


def node_quantities(tenants: Sequence[UUID], day: date, meters: Sequence[str]) -> Iterator[Any]:
    """Read what tenants' nodes were on a day."""
    return _rows(NODE_QUANTITIES, {"tenants": list(tenants), "day": day, "meters": list(meters)})


def claim_budgets(*, now: datetime, most: int, soon: timedelta, late: timedelta) -> list[tuple[UUID, UUID]]:
    """Take budgets whose turn it is: (budget, tenant)."""
    return list(_rows(CLAIM_BUDGETS, {"now": now, "most": most, "soon": soon, "late": late}))


def note_month(values: dict[str, Any]) -> None:
    """Keep how a budget stands."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE_MONTH, values)


def notice(values: dict[str, Any], passed: Sequence[int]) -> list[int]:
    """Return the thresholds that are passed for the first time."""
    return sorted(row[0] for row in _rows(NOTICE, {**values, "passed": array(passed)}))


def claim_days(most: int) -> dict[date, list[int]]:
    """Take finished days that came out different: {day: sources}."""
    found: dict[date, set[int]] = {}
    for day, sources in _rows(CLAIM_DAYS, [most]):
        found.setdefault(day, set()).update(sources)
    return {day: sorted(sources) for day, sources in found.items()}


def quantities(days: Sequence[date], sources: Sequence[int]) -> Iterator[Any]:
    """Read what some runtimes used on some days."""
    return _rows(QUANTITIES, {"days": list(days), "sources": array(sources)})


def lives(days: Sequence[date], sources: Sequence[int]) -> Iterator[Any]:
    """Read how much of those days is known."""
    return _rows(LIVES, {"days": list(days), "sources": array(sources)})


def put_anomaly(values: dict[str, Any]) -> None:
    """Keep an anomaly."""
    with connection.cursor() as cursor:
        cursor.execute(PUT_ANOMALY, values)


def hours(*, tenant_id: UUID, runtime_id: UUID, start: datetime, end: datetime) -> Iterator[Any]:
    """Read the hours of a runtime's day."""
    return _rows(HOURS, {"tenant": tenant_id, "runtime": runtime_id, "start": start, "end": end})


def _rows(statement: str, values: Any) -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return iter(cursor.fetchall())
