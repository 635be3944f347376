"""What a driver is asked to build, in no landscape's own words. Pure frozen dataclasses.

`Runtime.spec` keeps {"parameters": {...validated, defaults filled in}, "release": {"key", "kubernetes", "machine_image",
"modules"}, "hibernated": bool}; `provisioner.lifecycle` turns it, with the catalog's facts, into a ClusterSpec whose JSON is kept
in `Runtime.cluster_spec`, so that a later change of the catalog never changes what a running runtime was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Taint:
    """A Kubernetes node taint."""

    key: str
    value: str
    effect: str  # NoSchedule, PreferNoSchedule or NoExecute


@dataclass(frozen=True)
class WorkerPool:
    """Nodes of one machine type, scaled between two bounds."""

    name: str
    machine_type: str
    minimum: int
    maximum: int
    zones: tuple[str, ...]
    architecture: str = "amd64"  # or arm64: of the machine type
    system: bool = False  # takes the landscape's own components
    platform: bool = (
        False  # is the platform's own: no tenant's work lands there, and no tenant's quota or bill has it
    )
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    volume_type: str = ""
    volume_gib: int = 50

    @property
    def surge(self) -> int:
        """One more node per zone while they are replaced: a roll-out neither shrinks a zone nor waits for it."""
        return max(len(self.zones), 1)


@dataclass(frozen=True)
class Networking:
    """Address ranges (CIDR) inside the cluster."""

    nodes: str = "10.250.0.0/16"
    pods: str = "10.96.0.0/13"
    services: str = "10.104.0.0/13"


@dataclass(frozen=True)
class MaintenanceWindow:
    """A daily span in which the landscape may maintain the cluster: "HHMMSS+ZZZZ", as Gardener writes it."""

    begin: str = "220000+0000"
    end: str = "230000+0000"


@dataclass(frozen=True)
class ModuleWish:
    """One module as wanted inside the cluster; `settings` are the tenant's, checked against the module's schema."""

    key: str
    version: str
    implementation: str = ""  # empty: the module's own first choice
    settings: Mapping[str, Any] = field(default_factory=dict)
    channel: str = ""  # empty: the runtime's
    own_resource: bool = True  # whether its custom resource comes and goes with it


@dataclass(frozen=True)
class ClusterSpec:
    """One cluster as wanted."""

    name: str
    provider: str  # aws, azure, gcp, openstack
    region: str
    kubernetes_version: str  # "1.34" or "1.34.2": the control plane's, and the workers' unless they are held
    pools: tuple[WorkerPool, ...]
    workers_version: str = ""  # what workers are held at while the control plane goes ahead; empty: follows
    networking: Networking = field(default_factory=Networking)
    machine_image: Mapping[str, str] = field(
        default_factory=dict
    )  # {"name", "version"}, or empty: the landscape's default
    maintenance: MaintenanceWindow = field(default_factory=MaintenanceWindow)
    oidc: tuple[Mapping[str, Any], ...] = ()
    administrators: tuple[str, ...] = ()  # users by the name that the cluster's API knows them by
    had_administrators: bool = False  # an earlier wish named some, who may still be in the cluster
    ingress_filtering: bool = False  # drop what comes from the networks on the landscape's block list
    allowed_cidrs: tuple[str, ...] = ()  # who may reach the API server; empty means everyone
    purpose: str = "production"
    hibernated: bool = False
    destroyed: bool = False  # suspended by removing it: nothing of it is to stand until it is resumed
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)  # owner tags among them
    modules: tuple[
        ModuleWish, ...
    ] = ()  # in the order of their dependencies; none in wishes older than modules

    @property
    def workers_at(self) -> str:
        """The Kubernetes version that the workers are to have."""
        return self.workers_version or self.kubernetes_version

    @property
    def suspended(self) -> bool:
        """Whether it is to rest, in whichever way."""
        return self.hibernated or self.destroyed

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: _plain(getattr(self, name)) for name in _NAMES[ClusterSpec]}


_NAMES = {
    kind: tuple(one.name for one in fields(kind))
    for kind in (Taint, WorkerPool, Networking, MaintenanceWindow, ModuleWish, ClusterSpec)
}


def _plain(value: Any) -> Any:
    """Return the value without dataclasses, and nothing of it shared: as `dataclasses.asdict`, in a fifth of its time."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return value
    if kind is dict:
        return {key: _plain(entry) for key, entry in value.items()}
    if kind is tuple or kind is list:
        return kind([_plain(entry) for entry in value])
    if kind in _NAMES:
        return {name: _plain(getattr(value, name)) for name in _NAMES[kind]}
    return deepcopy(value)


def cluster_from_json(data: Mapping[str, Any]) -> ClusterSpec:
    """Return the ClusterSpec that `as_json` wrote."""
    pools = tuple(
        WorkerPool(
            **{
                **pool,
                "zones": tuple(pool["zones"]),
                "taints": tuple(Taint(**taint) for taint in pool.get("taints", ())),
            }
        )
        for pool in data["pools"]
    )
    return ClusterSpec(
        **{
            **data,
            "pools": pools,
            "networking": Networking(**data["networking"]),
            "maintenance": MaintenanceWindow(**data["maintenance"]),
            "oidc": tuple(data["oidc"]),
            "administrators": tuple(data["administrators"]),
            "allowed_cidrs": tuple(data["allowed_cidrs"]),
            "modules": tuple(ModuleWish(**wish) for wish in data.get("modules", ())),
        }
    )
