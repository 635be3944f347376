"""From the lists of a cluster to what was seen there. Pure.

Whatever a list must hold and does not raises UnreadableError: a sight is whole or it is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import Any

from billing.collecting.namespaces import MODULE_LABEL, NFS_ANNOTATION, OBJECT_ANNOTATION, part_of
from billing.collecting.quantities import UnreadableError, gibibytes, mebibytes, millicores, nanos
from billing.collecting.shares import shares
from billing.collecting.sight import Answers, Sight, sight
from billing.collecting.storage import Storage, read_storage
from billing.meters.base import Balancer, Node, Part, Reading
from provisioner.modules.objects import SYSTEM_NODES

Json = Mapping[str, Any]
NONE: Mapping[str, int] = MappingProxyType({})

POOL_LABELS = ("worker.gardener.cloud/pool", "eks.amazonaws.com/nodegroup", "cloud.google.com/gke-nodepool")
MACHINE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
GPU_RESOURCES = ("nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe")
GPU_LABELS = (
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "cloud.google.com/gke-accelerator",
    "k8s.amazonaws.com/accelerator",
)
# RFC 1918, 6598, 3927, 4193, 4291 and loopback: inside nobody bills an address. `is_private` would also refuse the networks of
# documentation, which simulated clusters use.
PRIVATE = tuple(
    ip_network(each)
    for each in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip


def read_sight(
    answers: Answers,
    *,
    at: datetime,
    modules: Sequence[str] = (),
    control_planes: int = 1,
    own_nodes: Mapping[str, int] = NONE,
) -> Sight:
    """Return what the lists show; raises UnreadableError when one of them is not what a Kubernetes API says.

    `own_nodes` are the nodes that the platform ordered for itself, by machine type at most so many: whoever puts its label on
    more of them, or on others, pays for those.
    """
    try:
        return _read(answers, at, modules, control_planes, own_nodes)
    except UnreadableError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError(
            f"an object lacks what every one has ({type(error).__name__}: {error})"
        ) from error


def _read(
    answers: Answers, at: datetime, modules: Sequence[str], control_planes: int, own_nodes: Mapping[str, int]
) -> Sight:
    spaces = {each["metadata"]["name"]: each for each in answers.namespaces}
    if "kube-system" not in spaces:
        raise UnreadableError("the list of namespaces lacks kube-system")
    parts = {name: part_of(name, _labels(each)) for name, each in spaces.items()}
    platform = [each for name, each in spaces.items() if parts[name] is Part.PLATFORM]
    storage = read_storage(answers.claims, answers.snapshots)
    balancers = [each for each in answers.services if _ingress(each)]
    by_part, by_component = shares(answers.pods, answers.metrics, parts)
    reading = Reading(
        at=at,
        nodes=tuple(_nodes(answers.nodes, own_nodes)),
        claims=storage.claims,
        snapshots=storage.snapshots,
        balancers=tuple(_balancer(each) for each in balancers),
        control_planes=control_planes,
        modules=tuple(sorted({*modules, *_modules(platform)})),
        object_gib=_reported(platform, OBJECT_ANNOTATION),
        nfs_gib=storage.nfs_gib + _reported(platform, NFS_ANNOTATION),
        usage_known=answers.metrics is not None,
        parts=by_part,
        components=by_component,
    )
    counted = (*answers.nodes, *balancers, *storage.counted)
    return sight(
        reading,
        incarnation=_uid(spaces["kube-system"]),
        uids=[_uid(each) for each in counted],
        oddities=_oddities(storage, reading),
        newest=_newest((spaces["kube-system"], *counted)),
    )


def _uid(each: Json) -> str:
    return str(each["metadata"]["uid"])


def _newest(objects: Sequence[Json]) -> datetime | None:
    """Return when the youngest was created: each of them has stood since then, for a new one has a new moment."""
    try:
        return max(datetime.fromisoformat(each["metadata"]["creationTimestamp"]) for each in objects)
    except (KeyError, TypeError, ValueError):
        return None


def _labels(each: Json) -> Mapping[str, str]:
    return each["metadata"].get("labels") or {}


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _nodes(listed: Sequence[Json], own: Mapping[str, int]) -> Iterator[Node]:
    left = dict(own)
    for each in sorted(listed, key=lambda one: str(one["metadata"]["name"])) if own else listed:
        node = _node(each)
        if left.get(node.machine_type, 0) > 0 and _labels(each).get(SYSTEM_NODES) == "true":
            left[node.machine_type] -= 1
            node = replace(node, platform=True)
        yield node


def _node(each: Json) -> Node:
    labels, status = _labels(each), each["status"]
    capacity, allocatable = status["capacity"], status["allocatable"]
    gpus = sum(int(capacity.get(name) or 0) for name in GPU_RESOURCES)
    return Node(
        name=each["metadata"]["name"],
        pool=_first(labels, POOL_LABELS),
        machine_type=_first(labels, MACHINE_LABELS),
        zone=_first(labels, ZONE_LABELS),
        capacity_millicores=millicores(nanos(str(capacity["cpu"]))),
        capacity_mib=mebibytes(nanos(str(capacity["memory"]))),
        allocatable_millicores=millicores(nanos(str(allocatable["cpu"]))),
        allocatable_mib=mebibytes(nanos(str(allocatable["memory"]))),
        gpus=gpus,
        gpu_model=_first(labels, GPU_LABELS) if gpus else "",
        public_addresses=sum(
            1
            for address in status.get("addresses") or ()
            if address["type"] == "ExternalIP" and _public(address["address"])
        ),
    )


def _ingress(service: Json) -> Sequence[Json]:
    if service["spec"].get("type") != "LoadBalancer":
        return ()
    found: Sequence[Json] = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return found


def _balancer(service: Json) -> Balancer:
    """Count a host name as one address: behind it the provider keeps at least one."""
    metadata = service["metadata"]
    addresses = sum(1 for each in _ingress(service) if not each.get("ip") or _public(each["ip"]))
    return Balancer(metadata["namespace"], metadata["name"], addresses)


def _public(text: str) -> bool:
    address = ip_address(text)
    return not any(address in each for each in PRIVATE if each.version == address.version)


def _modules(platform: Sequence[Json]) -> set[str]:
    return {module for each in platform if (module := _labels(each).get(MODULE_LABEL))}


def _reported(platform: Sequence[Json], annotation: str) -> int:
    """Sum what platform namespaces say; a plain whole number of GiB."""
    said = [(each["metadata"].get("annotations") or {}).get(annotation) for each in platform]
    return sum(gibibytes(nanos(f"{text}Gi")) for text in said if text)


def _oddities(storage: Storage, reading: Reading) -> list[str]:
    found = list(storage.oddities)
    unnamed = sum(1 for node in reading.nodes if not node.machine_type)
    if unnamed:
        found.append(f"{unnamed} nodes do not say their machine type")
    if not reading.usage_known:
        found.append("the cluster serves no metrics")
    return found
