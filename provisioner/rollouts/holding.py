"""Which windows and exclusions hold for one runtime: its own, its tenant's, its plan's or everybody's, and whose each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Q

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.rights import seen_by
from provisioner.rollouts.models import Exclusion, MaintenanceWindow
from provisioner.rollouts.schedules import owner_of, owners_of
from provisioner.runtimes.models import Runtime

BY_PLATFORM = "set by the platform's team"  # why is the platform's own business


class Origin(StrEnum):
    """Whose it is, from the most specific to the least, as `owners_of` has them."""

    RUNTIME = "runtime"
    TENANT_PLAN = "tenant_plan"
    TENANT = "tenant"
    PLAN = "plan"
    PLATFORM = "platform"

    @property
    def of_platform(self) -> bool:
        """Whether only the platform's team changes it."""
        return self in {Origin.PLAN, Origin.PLATFORM}


@dataclass(frozen=True)
class Held:
    """One that holds: `words` say where it comes from, and who changes it where."""

    origin: Origin
    plan: str
    inside: bool  # for one of the platform's team

    @property
    def is_changed_here(self) -> bool:
        """Whether those who see it may change it on the page Maintenance."""
        return self.inside or not self.origin.of_platform

    @property
    def words(self) -> str:
        """In words."""
        if self.origin is Origin.RUNTIME:
            return "its own"
        if self.origin is Origin.TENANT:
            return "the tenant's, for all its runtimes: changed on the page Maintenance"
        if self.origin is Origin.TENANT_PLAN:
            return f"the tenant's, for plan {self.plan}: changed on the page Maintenance"
        whose = "everybody's" if self.origin is Origin.PLATFORM else f"everybody's of plan {self.plan}"
        where = "on the page Maintenance of the fleet" if self.inside else "by the platform's team only"
        return f"{whose}: changed {where}"


@dataclass(frozen=True)
class HeldWindow(Held):
    """A window."""

    row: MaintenanceWindow


@dataclass(frozen=True)
class HeldExclusion(Held):
    """An exclusion."""

    row: Exclusion

    @property
    def reason(self) -> str:
        """Return why, as far as it is told."""
        return BY_PLATFORM if self.origin.of_platform and not self.inside else self.row.reason


@dataclass(frozen=True)
class Holding:
    """What holds for a runtime; no windows: it may be upgraded at any time but for the exclusions."""

    windows: Sequence[HeldWindow]
    exclusions: Sequence[HeldExclusion]


def holding(*, actor: Actor, runtime_id: UUID) -> Holding | None:
    """Return what holds for a runtime; None of one that the actor may not see."""
    seen = seen_by(actor, Runtime.objects.filter(pk=runtime_id, deleted_at=None))
    runtime = seen.values("tenant_id", "plan_id").first()
    if runtime is None:
        return None
    asked = {**runtime, "runtime_id": runtime_id}
    origins = dict(zip(owners_of(asked), Origin, strict=True))
    told = {"plan": runtime["plan_id"], "inside": actor.sees_every_tenant}
    windows = [HeldWindow(origins[owner_of(row)], row=row, **told) for row in _windows(asked)]
    first = next((one for one in Origin if any(held.origin is one for held in windows)), None)
    return Holding(
        [held for held in windows if held.origin is first],
        sorted(
            (HeldExclusion(origins[owner_of(row)], row=row, **told) for row in _exclusions(asked, utcnow())),
            key=lambda held: (held.row.begins_at, held.row.pk),
        ),
    )


def _windows(asked: dict[str, Any]) -> list[MaintenanceWindow]:
    rows = MaintenanceWindow.objects.select_related("tenant").order_by("pk")
    found = list(rows.filter(_its(asked)))
    with platform_scope():  # everybody's are no tenant's rows
        return [*found, *rows.filter(_everybodys(asked))]


def _exclusions(asked: dict[str, Any], now: datetime) -> list[Exclusion]:
    rows = Exclusion.objects.filter(ends_at__gt=now).select_related("tenant")
    found = list(rows.filter(_its(asked)))
    with platform_scope():
        return [*found, *rows.filter(_everybodys(asked))]


def _its(asked: dict[str, Any]) -> Q:
    """Those of the runtime and of its tenant."""
    of_plan = Q(plan=None) | Q(plan=asked["plan_id"])
    return Q(runtime=asked["runtime_id"]) | (Q(tenant=asked["tenant_id"], runtime=None) & of_plan)


def _everybodys(asked: dict[str, Any]) -> Q:
    return Q(tenant=None, runtime=None) & (Q(plan=None) | Q(plan=asked["plan_id"]))
