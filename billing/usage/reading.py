"""What was used, for those who rate it and those who look: days that are over from `usage_day`, today from its hours.

Reads within the scope of whoever asks: a tenant's scope shows that tenant only, whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from billing.usage import reading_queries as sql
from billing.usage.adding_up import Used, added_up
from billing.usage.slots import DAY, HOUR, start_of

__all__ = [
    "Lived", "SampleSeen", "Used", "component_use", "lived", "lived_today", "samples_of_hour", "used", "used_today",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lived:
    """How much of a runtime's time is known, and sums of level x seconds of what was asked for and used in it."""

    account: UUID
    runtime: UUID
    plan: str
    region: str
    start: datetime
    end: datetime
    alive_seconds: int
    observed_seconds: int
    inferred_seconds: int
    unknown_seconds: int
    sums: dict[str, int]


@dataclass(frozen=True, slots=True)
class SampleSeen:
    """One sample as it was stored: the evidence of an hour; its part of the span is [since, until)."""

    slot: datetime
    epoch: int
    origin: int
    reported_at: datetime
    stored_at: datetime
    shape: int
    since: datetime
    until: datetime | None
    gauges: dict[str, Any]


def used(*, tenant_id: UUID, first: date, last: date, by_day: bool = False) -> list[Used]:
    """Return what a tenant used on the days [first, last), whole days that are over, by the days' index of tenants.

    Grouped by account, runtime, plan, region, meter and dimension, and by day if asked; raises ValueError for more than 62 days
    that are to be added up.
    """
    values = _period(tenant_id, first, last)
    if by_day:
        return [Used(*row) for row in _rows(sql.USED_BY_DAY, values)]
    if (last - first).days > sql.MOST_DAYS:
        raise ValueError(f"At most {sql.MOST_DAYS} days are added up, not {first} to {last}; ask by day.")
    return added_up(_rows(sql.USED, values), start=start_of(first), end=start_of(last))


def used_today(*, tenant_id: UUID, now: datetime) -> list[Used]:
    """Return what a tenant used since midnight, UTC, from hours; the hour that goes on as far as it was seen."""
    start = start_of(now.date())
    return [Used(*row) for row in _rows(sql.USED_TODAY, _today(tenant_id, start, now))]


def lived(*, tenant_id: UUID, first: date, last: date, by_day: bool = False) -> list[Lived]:
    """Return how much of the runtimes' time on the days [first, last) is known."""
    return [_lived(row) for row in _rows(sql.lived(by_day=by_day), _period(tenant_id, first, last))]


def lived_today(*, tenant_id: UUID, now: datetime) -> list[Lived]:
    """Return the same since midnight, UTC; of the hour that goes on, what is still to come is not unknown."""
    start = start_of(now.date())
    return [_lived(row) for row in _rows(sql.LIVED_TODAY, _today(tenant_id, start, now))]


def samples_of_hour(*, runtime_id: UUID, hour: datetime) -> list[SampleSeen]:
    """Return the samples an hour of a runtime was made of, oldest first; in a tenant's scope, as far as it was theirs.

    Empty without a tenant's scope, and once the samples' retention is over.
    """
    length = timedelta(seconds=settings.USAGE_SLOT_SECONDS)
    return [SampleSeen(*row) for row in _rows(sql.SAMPLES_OF_HOUR, [runtime_id, hour, length])]


def component_use(*, start: datetime, end: datetime) -> dict[str, tuple[int, int, int]]:
    """Return {component: (runtimes seen, millicores, MiB)}: the mean over the hours of [start, end), whole fleet."""
    return {name: (seen, cores, mib) for name, seen, cores, mib in _rows(sql.COMPONENT_USE, [start, end])}


def _period(tenant_id: UUID, first: date, last: date) -> dict[str, Any]:
    return {"tenant": tenant_id, "first": first, "last": last}


def _today(tenant_id: UUID, start: datetime, now: datetime) -> dict[str, Any]:
    hour = now.replace(minute=0, second=0, microsecond=0)
    spent = int((now - hour).total_seconds())
    return {
        "tenant": tenant_id,
        "start": start,
        "end": min(start + DAY, hour + HOUR),
        "now": now,
        "hour": hour,
        "spent": spent,
    }


def _lived(row: Sequence[Any]) -> Lived:
    account, runtime, plan, region, start, end, alive, observed, inferred, unknown, *sums = row
    found = dict(zip(sql.SUMMED, sums, strict=True))
    return Lived(account, runtime, plan, region, start, end, alive, observed, inferred, unknown, found)


def _rows(statement: str, values: Any) -> Iterator[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return iter(cursor.fetchall())
