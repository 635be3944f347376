"""What upgrades that the lifecycle forces at a release's end heed of ours: the emergency stop, windows and exclusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import F

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import queries
from provisioner.rollouts.models import EmergencyStop
from provisioner.rollouts.schedules import Schedules
from provisioner.runtimes.models import Runtime


def stopped() -> str:
    """Say who has stopped everything, and why; empty: nobody. Whoever stops it waits for the caller's transaction."""
    rows(queries.MAY_START, {})
    stop = EmergencyStop.objects.filter(released_at=None).first()
    return f"The emergency stop is engaged by {stop.engaged_by}: {stop.reason}." if stop else ""


def openings(runtime_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, datetime]:
    """Return when these may be upgraded next, of those for whom windows or exclusions say so; left out: at any time, or never."""
    asked = list(
        Runtime.objects.filter(pk__in=runtime_ids).values("tenant_id", "plan_id", runtime_id=F("id"))
    )
    schedules = Schedules.of(asked, now)
    found = {row["runtime_id"]: schedules.opening(row, now) for row in asked}
    return {key: one.begin for key, one in found.items() if one is not None and one.begin > now}
