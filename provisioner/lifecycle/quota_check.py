"""Compares what is kept of every tenant's usage with its runtimes, and mends it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from controlplane.catalog.quota import Size
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.lifecycle import queries
from provisioner.runtimes.models import Runtime


@dataclass(frozen=True)
class Wrong:
    """A row of usage that is not the sum of its runtimes."""

    tenant_id: UUID
    plan: str
    true: Size
    kept: Size | None  # None: there is no row


@dataclass(frozen=True)
class Check:
    """What a check found: runtimes that nobody counted, and rows that are wrong."""

    uncounted: int
    wrong: list[Wrong]

    @property
    def is_clean(self) -> bool:
        """Whether everything adds up."""
        return not self.uncounted and not self.wrong


def check() -> Check:
    """Compare; reads only."""
    uncounted = Runtime.objects.present().filter(quota_vcpu__isnull=True).count()
    with connection.cursor() as cursor:
        cursor.execute(queries.WRONG_USAGE)
        return Check(uncounted, [_wrong(*row) for row in cursor.fetchall()])


@transaction.atomic
def repair(*, actor: Actor) -> Check:
    """Compare and mend, while no runtime changes its count; return what was found."""
    with connection.cursor() as cursor:
        cursor.execute(queries.STAND_STILL)
        found = check()
        cursor.execute(queries.COUNT_UNCOUNTED)
        for wrong in check().wrong:
            true = wrong.true
            cursor.execute(
                queries.KEEP_USAGE,
                [wrong.tenant_id, wrong.plan, true.runtimes, true.vcpu, true.memory_gib, true.gpus],
            )
    if not found.is_clean:
        audit.record(
            "quota.repair",
            actor=actor,
            tenant_id=None,
            target_type="usage",
            target_id="all",
            changes={"uncounted": found.uncounted, "wrong": len(found.wrong)},
        )
    return found


def _wrong(
    tenant_id: UUID,
    plan: str,
    runtimes: int,
    vcpu: int,
    memory_gib: Decimal,
    gpus: int,
    *kept: int | Decimal | None,
) -> Wrong:
    row = Size(*kept) if kept[0] is not None else None  # type: ignore[arg-type]
    return Wrong(tenant_id, plan, Size(runtimes, vcpu, memory_gib, gpus), row)
