"""From checked parameters and a release to what a driver is asked to build. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from controlplane.catalog import parameters as catalog
from controlplane.catalog.plans import PlanFacts, ReleaseFacts, SystemPool
from controlplane.catalog.rules import SYSTEM_POOL
from provisioner.modules.objects import SYSTEM_NODES
from provisioner.runtimes.spec import (
    ClusterSpec,
    MaintenanceWindow,
    ModuleWish,
    Networking,
    Taint,
    WorkerPool,
)

LONGEST_WINDOW = timedelta(hours=6)  # Gardener takes 30 minutes to 6 hours
SHORTEST_WINDOW = timedelta(minutes=30)
PURPOSES = {"trial": "evaluation", "free": "evaluation"}


def cluster_spec(
    *,
    name: str,
    plan: PlanFacts,
    parameters: catalog.Parameters,
    release: ReleaseFacts,
    owner: Mapping[str, str],
    today: datetime,
    modules: Sequence[ModuleWish],
    before: Mapping[str, Any] | None = None,
) -> ClusterSpec:
    """Return the cluster that these parameters mean.

    `owner` becomes labels, `today` fixes the offset of time zones, `before` is the JSON of the wish that this one replaces:
    a suspended cluster stays suspended.
    """
    return ClusterSpec(
        name=name,
        provider=plan.provider,
        region=parameters.region,
        kubernetes_version=release.kubernetes_patch,
        pools=_pools(parameters, plan),
        networking=Networking(**parameters.networking.as_json()),
        machine_image={key: release.machine_image[key] for key in ("name", "version")},
        maintenance=_window(parameters.maintenance_window, today),
        oidc=tuple(issuer.as_json() for issuer in parameters.oidc),
        administrators=parameters.administrators,
        had_administrators=_had_administrators(before or {}),
        ingress_filtering=parameters.ingress_filtering,
        allowed_cidrs=parameters.allowed_cidrs,
        purpose=PURPOSES.get(plan.key, "production"),
        hibernated=bool(before and before.get("hibernated")),
        destroyed=bool(before and before.get("destroyed")),
        labels=dict(owner),
        modules=tuple(modules),
    )


def _had_administrators(before: Mapping[str, Any]) -> bool:
    """Once true, always true: whether the removal of the last one was carried out is not known when a wish is made."""
    return bool(before.get("administrators") or before.get("had_administrators"))


def _pools(parameters: catalog.Parameters, plan: PlanFacts) -> tuple[WorkerPool, ...]:
    """Return the tenant's pools and behind them the platform's; without one, the first takes the landscape's components."""
    own = plan.system_pool
    ordered = [_pool(pool, plan, system=own is None and at == 0) for at, pool in enumerate(parameters.pools)]
    if own is not None:
        ordered.append(_system_pool(own, own.zones(plan.region(parameters.region), ordered[0].zones), plan))
    return tuple(ordered)


def _system_pool(pool: SystemPool, zones: tuple[str, ...], plan: PlanFacts) -> WorkerPool:
    return WorkerPool(
        name=SYSTEM_POOL,
        machine_type=pool.machine.name,
        minimum=pool.minimum,
        maximum=pool.maximum,
        zones=zones,
        architecture=pool.machine.architecture,
        system=True,
        platform=True,
        labels={SYSTEM_NODES: "true"},
        taints=(Taint(SYSTEM_NODES, "", "NoSchedule"),),
        volume_gib=plan.volume_gib,
    )


def _pool(pool: catalog.WorkerPool, plan: PlanFacts, *, system: bool) -> WorkerPool:
    machine = plan.machine_type(pool.machine_type)
    return WorkerPool(
        name=pool.name,
        machine_type=pool.machine_type,
        minimum=pool.autoscaler_min,
        maximum=pool.autoscaler_max,
        zones=pool.zones,
        architecture=machine.architecture if machine else "amd64",
        system=system,
        labels=dict(pool.labels),
        annotations=dict(pool.annotations),
        taints=tuple(Taint(taint.key, taint.value, taint.effect) for taint in pool.taints),
        volume_gib=plan.volume_gib,
    )


def _window(window: catalog.MaintenanceWindow | None, today: datetime) -> MaintenanceWindow:
    """Return the landscape's daily window; the days of the week are for rollouts, which landscapes do not know."""
    if window is None:
        return MaintenanceWindow()
    zone = ZoneInfo(window.timezone)
    begin, end = (_at(text, today, zone) for text in (window.begin, window.end))
    if end <= begin:
        end += timedelta(days=1)
    end = min(max(end, begin + SHORTEST_WINDOW), begin + LONGEST_WINDOW)
    return MaintenanceWindow(begin=begin.strftime("%H%M%S%z"), end=end.strftime("%H%M%S%z"))


def _at(clock: str, today: datetime, zone: ZoneInfo) -> datetime:
    hour, minute = (int(part) for part in clock.split(":")[:2])
    return today.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
