"""Which runtimes the demo's tenants want, and what they change afterwards. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from typing import Any


class Fate(StrEnum):
    """What becomes of a runtime in the demo."""

    KEPT = "kept"
    CHANGED = "changed"  # updated once it is ready
    DELETED = "deleted"
    LATE = "late"  # requested last, so that one still sees it being built


@dataclass(frozen=True)
class Trouble:
    """What the landscape answers to one kind of its work on a runtime: Create, Reconcile or Delete."""

    code: str
    operation: str


@dataclass(frozen=True, eq=False)  # two wishes are never the same, so each can be a key
class Wish:
    """One runtime that a tenant requests."""

    tenant: str
    account: str
    name: str
    plan: str
    parameters: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    fate: Fate = Fate.KEPT
    trouble: Trouble | None = None


_REGIONS = {
    "free": ("eu-central-1", "us-west-2"),
    "aws": ("eu-central-1", "eu-west-1", "us-east-1", "ap-southeast-1"),
    "azure": ("westeurope", "northeurope", "eastus"),
    "gcp": ("europe-west3", "us-central1", "asia-northeast1"),
}
_MACHINES = {
    "aws": ("m6i.large", "m6i.xlarge", "m6i.2xlarge"),
    "azure": ("Standard_D2s_v5", "Standard_D4s_v5"),
    "gcp": ("n2-standard-2", "n2-standard-4"),
}
_SIZES = ((3, 5), (3, 10), (4, 8))
_STAGES = ("production", "staging", "development")

# tenant, account, team, names, the plans that they take turns with
_TEAMS: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("aegean-shipping", "fleet-ops", "routing", ("routes", "berths", "tides", "weather", "crew"), ("aws", "azure")),
    ("aegean-shipping", "customer-portal", "portal", ("booking", "tracking", "invoices"), ("aws",)),
    ("aegean-shipping", "analytics", "data", ("lake", "reports", "forecast"), ("gcp",)),
    ("meltemi-energy", "grid", "control", ("turbines", "substations", "outages", "sensors"), ("azure", "aws")),
    ("meltemi-energy", "trading", "desk", ("prices", "auctions"), ("aws", "gcp")),
    ("kythira-games", "studio", "build", ("render", "assets"), ("free", "aws", "gcp")),
    ("kythira-games", "live", "ops", ("match", "chat"), ("gcp", "aws")),
)  # fmt: skip
_FATES = {
    "aegean-shipping/routes-production": Fate.CHANGED,
    "meltemi-energy/turbines-production": Fate.CHANGED,
    "kythira-games/match-production": Fate.CHANGED,
    "aegean-shipping/reports-development": Fate.DELETED,
    "meltemi-energy/sensors-development": Fate.DELETED,
    "aegean-shipping/forecast-production": Fate.LATE,
    "aegean-shipping/forecast-staging": Fate.LATE,
    "meltemi-energy/auctions-staging": Fate.LATE,
    "kythira-games/chat-staging": Fate.LATE,
}
_NO_QUOTA = Trouble("ERR_INFRA_QUOTA_EXCEEDED", "Create")  # fails, and says who can act
_NO_MACHINES = Trouble("ERR_INFRA_RESOURCES_DEPLETED", "Create")  # waits for better times
_TROUBLES = {
    "aegean-shipping/weather-staging": _NO_QUOTA,
    "meltemi-energy/prices-development": _NO_QUOTA,
    "kythira-games/render-production": _NO_QUOTA,
    "aegean-shipping/tides-production": _NO_MACHINES,
    "kythira-games/chat-development": _NO_MACHINES,
    "meltemi-energy/turbines-production": Trouble("ERR_INFRA_RATE_LIMITS_EXCEEDED", "Reconcile"),
    "meltemi-energy/sensors-development": Trouble("ERR_RETRYABLE_INFRA_DEPENDENCIES", "Delete"),
}


def wishes() -> Iterator[Wish]:
    """Yield all runtimes of the demo, always the same ones."""
    sizes = cycle(_SIZES)
    for tenant, account, team, names, plans in _TEAMS:
        turns = cycle(plans)
        for number, (name, stage) in enumerate((name, stage) for name in names for stage in _STAGES):
            plan = next(turns)
            full = f"{name}-{stage}"
            yield Wish(
                tenant=tenant,
                account=account,
                name=full,
                plan=plan,
                parameters=_parameters(plan, number, next(sizes), special=number == 0),
                labels={"team": team, "stage": stage, "service": name},
                fate=_FATES.get(f"{tenant}/{full}", Fate.KEPT),
                trouble=_TROUBLES.get(f"{tenant}/{full}"),
            )


def _parameters(plan: str, number: int, size: tuple[int, int], *, special: bool) -> dict[str, Any]:
    parameters: dict[str, Any] = {"region": _REGIONS[plan][number % len(_REGIONS[plan])]}
    if plan in _MACHINES:
        machine = _MACHINES[plan][number % len(_MACHINES[plan])]
        parameters |= {"machineType": machine, "autoScalerMin": size[0], "autoScalerMax": size[1]}
    if special and plan == "aws":
        parameters["additionalWorkerNodePools"] = [
            {
                "name": "batch",
                "machineType": "c7i.2xlarge",
                "haZones": False,
                "autoScalerMin": 0,
                "autoScalerMax": 6,
                "labels": {"workload": "batch"},
                "taints": [{"key": "workload", "value": "batch", "effect": "NoSchedule"}],
            }
        ]
    return parameters
