"""Months of usage for the tests of statements: days as the roll-ups would have left them, made by plain functions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from billing.books.apply import apply_prices
from billing.statements.drafting import draft
from billing.statements.models import Statement
from billing.statements.queries import following
from billing.statements.sealing import seal_statement
from billing.usage.models import Day, DayLife, Late, Progress, Source
from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Account, Tenant

JUNE, JULY, AUGUST = date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1)
LATER = datetime(2026, 11, 20, tzinfo=UTC)
CORE_HOUR = 1000 * 3600  # millicore-seconds
GIB_HOUR = 1024 * 3600
NOTHING = dict.fromkeys(
    (
        "used_seconds", "workload_requested_millicores", "workload_requested_mib", "workload_used_millicores",
        "workload_used_mib", "platform_requested_millicores", "platform_requested_mib", "platform_used_millicores",
        "platform_used_mib", "egress_bytes", "allocatable_millicores", "allocatable_mib",
    ),
    0,
)  # fmt: skip


def begin(reached: datetime = LATER) -> None:
    """Load the reviewed prices, and say that every hour until a moment is closed."""
    apply_prices(actor=SYSTEM)
    Progress.objects.update_or_create(name="hours", defaults={"reached": reached})


def runtime(born: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Source:
    """A runtime of the usage store; it has no row elsewhere."""
    source: Source = Source.objects.create(runtime=uuid7(), born=born)
    return source


def use(
    source: Source,
    account: Account,
    day: date,
    *,
    days: int = 1,
    plan: str = "aws",
    seen: int = 86_400,
    inferred: int = 0,
    alive: int = 86_400,
    **meters: int,
) -> None:
    """So much of each meter on each of some days, in base-unit-seconds; `node__m5_large` names a dimension."""
    whose: dict[str, Any] = {
        "source": source.id,
        "runtime": source.runtime,
        "tenant_id": account.tenant_id,
        "account": account.id,
        "plan": plan,
        "region": "eu-central-1",
    }
    known = {
        "observed_seconds": seen,
        "inferred_seconds": inferred,
        "unknown_seconds": alive - seen - inferred,
    }
    dates = [day + timedelta(days=number) for number in range(days)]
    DayLife.objects.bulk_create(
        DayLife(day=on, alive_seconds=alive, **whose, **known, **NOTHING) for on in dates
    )
    names = {name: name.partition("__") for name in meters}
    Day.objects.bulk_create(
        Day(
            day=on,
            meter=meter,
            dimension=dimension.replace("_", "."),
            quantity=meters[name],
            inferred=0,
            **whose,
        )
        for on in dates
        for name, (meter, _, dimension) in names.items()
    )


def change(source: Source, day: date, meter: str, quantity: int) -> None:
    """Let a day come out different after its month was sealed, as the roll-up does it."""
    rows = Day.objects.filter(source=source.id, day=day, meter=meter)
    assert rows.update(quantity=quantity) == 1
    row = rows.get()
    Late.objects.update_or_create(
        tenant_id=row.tenant_id, month=day.replace(day=1), day=day, source=source.id, defaults={"changes": 1}
    )


def drafted(tenant: Tenant | UUID, month: date, *, now: datetime = LATER) -> Statement:
    """The draft of a month, made anew where something changed."""
    tenant_id = tenant if isinstance(tenant, UUID) else tenant.id
    draft([tenant_id], month, now=now)
    row: Statement = Statement.objects.get(tenant=tenant_id, month=month)
    return row


def sealed(tenant: Tenant, month: date, *, now: datetime = LATER) -> Statement:
    """The sealed statement of a month."""
    row = drafted(tenant, month, now=now)
    seal_statement(actor=SYSTEM, statement_id=row.pk, now=now)
    row.refresh_from_db()
    return row


def last_day(month: date) -> date:
    return following(month) - timedelta(days=1)
