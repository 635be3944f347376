"""Tells tenants' webhooks of each day of usage that is over, and of each statement that was sealed, with its charges.

What was told is known by its key, so whoever tells twice tells once. A day that comes out different later is not told again: the
next statement has the correction.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from billing.exports import queries
from billing.exports.units import in_units
from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.notices.models import Webhook
from controlplane.notices.webhooks import emit

DAYS, SEALED_DAYS = 3, 7  # how far back is looked: what a stopped beat missed
MOST = 500  # rows in one event; the rest is read from the API
SETTLED = timedelta(hours=3)  # how long after midnight a day is told


def announce() -> int:
    """Tell what was not told yet; return for how many addresses events were queued or known already."""
    now, told = utcnow(), 0
    last = (now - SETTLED).date()
    for tenant in _listening("usage.daily"):
        for number in range(1, DAYS + 1):
            told += _tell_day(tenant, last - timedelta(days=number))
    for tenant in _listening("statement.sealed"):
        for row in queries.rows(queries.SEALED_LATELY, [tenant, now - timedelta(days=SEALED_DAYS)]):
            told += _tell_statement(tenant, *row)
    return told


def _listening(kind: str) -> list[UUID]:
    rows = Webhook.objects.filter(kinds__contains=[kind], disabled_at=None)
    return list(rows.order_by("tenant").values_list("tenant", flat=True).distinct())


def _tell_day(tenant: UUID, day: date) -> int:
    found = queries.rows(queries.DAY_OF_TENANT, [tenant, day, MOST + 1])
    if not found:
        return 0
    names = ("runtime", "account", "plan", "region", "meter", "dimension", "quantity", "inferred")
    following = day + timedelta(days=1)
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in found[:MOST]]
    data = {
        "day": day.isoformat(),
        "usage": [{**row, **in_units(row["meter"], row["quantity"])} for row in rows],
        "complete": len(found) <= MOST,
        "more": f"/api/v1/usage?from={day}&to={following}",
    }
    key = f"usage:{day}"
    return emit(tenant_id=tenant, kind="usage.daily", subject=day.isoformat(), data=data, dedupe_key=key)


def _tell_statement(
    tenant: UUID, statement: UUID, month: date, number: int, total: Decimal, currency: str, *sealed: Any
) -> int:
    found = queries.rows(queries.CHARGES_OF_STATEMENT, [statement, MOST + 1])
    names = (
        "id",
        "category",
        "account",
        "runtime",
        "meter",
        "quantity",
        "unit",
        "billed_cost",
        "description",
    )
    data = {
        "statement": str(statement),
        "month": f"{month:%Y-%m}",
        "number": number,
        "total": _plain(total),
        "currency": currency,
        "sealed_at": rfc3339(sealed[0]),
        "charges": [dict(zip(names, map(_plain, row), strict=True)) for row in found[:MOST]],
        "complete": len(found) <= MOST,
        "more": f"/api/v1/charges?from={month}&to={month + timedelta(days=1)}",
    }
    key = f"statement:{statement}"
    return emit(tenant_id=tenant, kind="statement.sealed", subject=str(statement), data=data, dedupe_key=key)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value) if isinstance(value, UUID) else value
