"""The provider's own sections of a Shoot: infrastructureConfig and controlPlaneConfig, one function per provider.

Shapes are those of the provider extensions' v1alpha1 APIs (gardener-extension-provider-{aws,azure,gcp,openstack},
docs/usage/usage.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from controlplane.kernel.errors import Fatal
from provisioner.drivers.shoots.garden import Garden
from provisioner.drivers.shoots.subnets import blocks_of
from provisioner.runtimes.spec import ClusterSpec

Json = dict[str, Any]
Sections = tuple[Json, Json]
_IDLE_MINUTES = 4  # Azure's default for idle outbound connections


def sections_of(cluster: ClusterSpec, garden: Garden) -> Sections:
    """Return (infrastructureConfig, controlPlaneConfig); raises Fatal for a provider we have no sections for."""
    build = _PROVIDERS.get(cluster.provider)
    if build is None:
        known = ", ".join(sorted(_PROVIDERS))
        raise Fatal(
            f"The Gardener driver builds on {known}, not on {cluster.provider}; correct the plan.",
            code="provider_unknown",
        )
    infrastructure, control_plane = build(cluster, garden)
    version = f"{cluster.provider}.provider.extensions.gardener.cloud/v1alpha1"
    return (
        {"apiVersion": version, "kind": "InfrastructureConfig", **infrastructure},
        {"apiVersion": version, "kind": "ControlPlaneConfig", **control_plane},
    )


def zones_of(cluster: ClusterSpec) -> list[str]:
    """Return every zone that a pool uses, the first pool's first."""
    return list(dict.fromkeys(zone for pool in cluster.pools for zone in pool.zones))


def _aws(cluster: ClusterSpec, garden: Garden) -> Sections:
    zones = []
    for zone, block in blocks_of(cluster.networking.nodes, zones_of(cluster)).items():
        workers, rest = block.subnets()
        public, internal = rest.subnets()
        zones.append(
            {"name": zone, "workers": str(workers), "public": str(public), "internal": str(internal)}
        )
    return {"networks": {"vpc": {"cidr": cluster.networking.nodes}, "zones": zones}}, {}


def _azure(cluster: ClusterSpec, garden: Garden) -> Sections:
    nat = {"enabled": True, "idleConnectionTimeoutMinutes": _IDLE_MINUTES}
    zones = [
        {"name": _zone_number(zone), "cidr": str(block), "natGateway": nat}
        for zone, block in blocks_of(cluster.networking.nodes, zones_of(cluster)).items()
    ]
    return {"zoned": True, "networks": {"vnet": {"cidr": cluster.networking.nodes}, "zones": zones}}, {}


def _zone_number(zone: str) -> int:
    number = re.search(r"(\d+)$", zone)
    if number is None:
        raise Fatal(
            f"Azure's zones are numbers, not “{zone}”; correct the catalog's regions.", code="zone_unknown"
        )
    return int(number[1])


def _gcp(cluster: ClusterSpec, garden: Garden) -> Sections:
    # The control plane's zone can't be changed later, so it is the first one: pools only ever add zones behind it.
    return {"networks": {"workers": cluster.networking.nodes}}, {"zone": zones_of(cluster)[0]}


def _openstack(cluster: ClusterSpec, garden: Garden) -> Sections:
    return (
        {"floatingPoolName": garden.floating_pool, "networks": {"workers": cluster.networking.nodes}},
        {"loadBalancerProvider": garden.load_balancer_provider},
    )


_PROVIDERS: dict[str, Callable[[ClusterSpec, Garden], Sections]] = {
    "aws": _aws,
    "azure": _azure,
    "gcp": _gcp,
    "openstack": _openstack,
}
