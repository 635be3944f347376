"""Usage for the tests of costs: days as the roll-ups leave them, without samples behind them, made by plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from billing.usage.models import Day, DayLife, Source, Span
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Account

HOUR = 3600
CORES = 1000 * 24 * HOUR  # one core for a day
FIRST = date(2026, 5, 1)
NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
SUMS = (
    "used_seconds", "workload_requested_millicores", "workload_requested_mib", "workload_used_millicores", "workload_used_mib",
    "platform_requested_millicores", "platform_requested_mib", "platform_used_millicores", "platform_used_mib", "egress_bytes",
    "allocatable_millicores", "allocatable_mib",
)  # fmt: skip


def runtime_of(account: Account, *, runtime: UUID | None = None, born: date = FIRST) -> Source:
    """A runtime that has lived in an account since a day."""
    since = datetime(born.year, born.month, born.day, tzinfo=UTC)
    source, made = Source.objects.get_or_create(runtime=runtime or uuid7(), defaults={"born": since})
    if made:
        Span.objects.create(
            source=source.id,
            runtime=source.runtime,
            tenant_id=account.tenant_id,
            account=account.id,
            plan="aws",
            region="eu-central-1",
            provider="aws",
            phase="ready",
            since=since,
        )
    return source


def day_of(
    account: Account,
    source: Source,
    day: date,
    meters: Mapping[str, int],
    *,
    seen: float = 1,
    inferred: float = 0,
) -> None:
    """One finished day: base-unit-seconds by meter, and which part of it was seen."""
    whose: dict[str, Any] = {
        "day": day,
        "source": source.id,
        "tenant_id": account.tenant_id,
        "account": account.id,
        "runtime": source.runtime,
        "plan": "aws",
        "region": "eu-central-1",
    }
    Day.objects.bulk_create(
        Day(**whose, meter=meter, dimension="", quantity=quantity, inferred=0)
        for meter, quantity in meters.items()
    )
    observed, guessed = int(86_400 * seen), int(86_400 * inferred)
    DayLife.objects.create(
        **whose,
        alive_seconds=86_400,
        observed_seconds=observed,
        inferred_seconds=guessed,
        unknown_seconds=86_400 - observed - guessed,
        **dict.fromkeys(SUMS, 0),
    )


def days_of(
    account: Account,
    source: Source,
    *,
    first: date = FIRST,
    last: date = TODAY,
    meters: Callable[[date], Mapping[str, int]] = lambda _: {"vcpu": 10 * CORES},
) -> None:
    """Finished days [first, last)."""
    day = first
    while day < last:
        day_of(account, source, day, meters(day))
        day += timedelta(days=1)
