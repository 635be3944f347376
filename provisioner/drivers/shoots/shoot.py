"""A Shoot as wanted, holding only the fields that are ours to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisioner.drivers.shoots.authentication import INSTALLATION, OWNER, config_map_of
from provisioner.drivers.shoots.garden import Garden
from provisioner.drivers.shoots.infrastructure import sections_of
from provisioner.runtimes.spec import ClusterSpec, WorkerPool

__all__ = ["OWNER", "shoot_of"]

Json = dict[str, Any]
API_VERSION = "core.gardener.cloud/v1beta1"
# What Gardener's cloud profiles offer everywhere; OpenStack's volumes have no common type.
_VOLUMES = {"aws": "gp3", "azure": "StandardSSD_LRS", "gcp": "pd-balanced"}


def shoot_of(cluster: ClusterSpec, garden: Garden) -> Json:
    """Return the Shoot to apply; raises Fatal for what can't be said in Gardener's words."""
    spec = {**_place(cluster, garden), **_upkeep(cluster)}
    _restrict(spec, cluster, garden)
    return {
        "apiVersion": API_VERSION,
        "kind": "Shoot",
        "metadata": {
            "name": cluster.name,
            "namespace": garden.namespace,
            "labels": {**cluster.labels, **_installation(garden)},
            "annotations": {**_owner_again(cluster), **_installation(garden), **cluster.annotations},
        },
        "spec": spec,
    }


def _owner_again(cluster: ClusterSpec) -> Json:
    """Return the owner as an annotation, too: whoever takes the label away leaves what proves whose it is."""
    owner = cluster.labels.get(OWNER)
    return {OWNER: owner} if owner else {}


def _installation(garden: Garden) -> Json:
    return {INSTALLATION: garden.installation} if garden.installation else {}


def _place(cluster: ClusterSpec, garden: Garden) -> Json:
    """Return where it runs and on what."""
    infrastructure, control_plane = sections_of(cluster, garden)
    return {
        "cloudProfile": {"name": garden.cloud_profiles.get(cluster.provider, cluster.provider)},
        "credentialsBindingName": garden.credentials_bindings.get(cluster.provider, cluster.provider),
        "region": cluster.region,
        "provider": {
            "type": cluster.provider,
            "infrastructureConfig": infrastructure,
            "controlPlaneConfig": control_plane,
            "workers": [_worker(pool, cluster) for pool in cluster.pools],
        },
        "networking": {
            "type": "calico",
            "nodes": cluster.networking.nodes,
            "pods": cluster.networking.pods,
            "services": cluster.networking.services,
        },
    }


def _upkeep(cluster: ClusterSpec) -> Json:
    """Return what it is for, its version, and when Gardener may touch it."""
    return {
        "purpose": cluster.purpose,
        "kubernetes": {"version": cluster.kubernetes_version},
        "maintenance": {
            "timeWindow": {"begin": cluster.maintenance.begin, "end": cluster.maintenance.end},
            # Versions move by releases, not by Gardener's own choice; what no release names is Gardener's to choose.
            "autoUpdate": {"kubernetesVersion": False, "machineImageVersion": not cluster.machine_image},
            # Confined changes do not raise the generation, so nobody could tell when they are done.
            "confineSpecUpdateRollout": False,
        },
        "hibernation": {"enabled": cluster.hibernated},
    }


def _restrict(spec: Json, cluster: ClusterSpec, garden: Garden) -> None:
    """Add who may sign in, and from where."""
    if config_map := config_map_of(cluster, garden):
        reference = {"configMapName": config_map["metadata"]["name"]}
        spec["kubernetes"]["kubeAPIServer"] = {"structuredAuthentication": reference}
    if extensions := list(_extensions(cluster, garden)):
        spec["extensions"] = extensions


def _extensions(cluster: ClusterSpec, garden: Garden) -> Iterator[Json]:
    """Yield what Gardener's extensions are asked for; each must be installed in the garden."""
    if cluster.allowed_cidrs:
        # github.com/stackitcloud/gardener-extension-acl
        cidrs = list(dict.fromkeys((*cluster.allowed_cidrs, *garden.own_cidrs)))
        rule = {"action": "ALLOW", "type": "remote_ip", "cidrs": cidrs}
        yield {"type": "acl", "providerConfig": {"rule": rule}}
    if cluster.ingress_filtering:
        # github.com/gardener/gardener-extension-shoot-networking-filter, docs/usage/shoot-networking-filter.md, "Ingress
        # Filtering": only blackhole routes stop what comes in; the list of networks is the landscape's own.
        config = {"egressFilter": {"blackholingEnabled": True}}
        yield {"type": "shoot-networking-filter", "providerConfig": config}


def _worker(pool: WorkerPool, cluster: ClusterSpec) -> Json:
    machine: Json = {"type": pool.machine_type, "architecture": pool.architecture}
    if cluster.machine_image:
        machine["image"] = dict(cluster.machine_image)
    volume: Json = {"size": f"{pool.volume_gib}Gi"}
    if kind := pool.volume_type or _VOLUMES.get(cluster.provider):
        volume["type"] = kind
    worker: Json = {
        "name": pool.name,
        "machine": machine,
        "minimum": pool.minimum,
        "maximum": pool.maximum,
        "maxSurge": pool.surge,
        "maxUnavailable": 0,
        "zones": [_zone(zone, cluster) for zone in pool.zones],
        "volume": volume,
        "systemComponents": {"allow": pool.system},
    }
    if cluster.workers_version:
        worker["kubernetes"] = {"version": cluster.workers_version}
    if pool.labels:
        worker["labels"] = dict(pool.labels)
    if pool.annotations:
        worker["annotations"] = dict(pool.annotations)
    if pool.taints:
        worker["taints"] = [{"key": t.key, "value": t.value, "effect": t.effect} for t in pool.taints]
    return worker


def _zone(zone: str, cluster: ClusterSpec) -> str:
    return zone.rpartition("-")[2] if cluster.provider == "azure" else zone
