"""Nodes of a cluster, worker pool by worker pool, derived from its Shoot alone."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.profiles import Machine, machines
from provisioner.simulator.gardener.skew import version_of
from provisioner.simulator.gardener.status import fraction

POOL = "worker.gardener.cloud/pool"
# What kubelet and the system keep of a node, in Gardener's defaults.
RESERVED_CPU_MILLI = 80
RESERVED_MEMORY_MIB = 1024
PODS_PER_NODE = 110
GPU_PRODUCT = "nvidia.com/gpu.product"
GPU_MODELS = {"g6": "NVIDIA-L4", "g5": "NVIDIA-A10G", "p5": "NVIDIA-H100"}
_NAMESPACE = uuid.NAMESPACE_OID.bytes
UNKNOWN = Machine("unknown", 2, 8, 0, "amd64")


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a node: stable as long as its pool and index stay."""

    name: str
    pool: Json
    zone: str
    index: int


def stable_uid(*parts: str) -> str:
    """Return a uid that depends on the parts alone."""
    # What uuid.uuid5 returns, in a third of its time: a cluster that is woken asks for a hundred.
    digest = hashlib.sha1(_NAMESPACE + "/".join(parts).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def slots(shoot: Json, extra: dict[str, int], day: int = 0) -> Iterator[Slot]:
    """Yield the nodes a Shoot has: its minimum in each pool, plus what the autoscaler added on that day, up to the maximum.

    What was added goes with its day: a node that comes back is another one, with another uid.
    """
    if (shoot.get("status") or {}).get("hibernated"):
        return
    technical, uid = shoot["status"]["technicalID"], shoot["metadata"]["uid"]
    for pool in shoot["spec"]["provider"]["workers"]:
        least, most = int(pool.get("minimum", 1)), int(pool.get("maximum", 1))
        if (pool.get("systemComponents") or {}).get("allow") and most:
            least = max(least, 1)
        zones = pool.get("zones") or ["1"]
        for index in range(min(least + extra.get(pool["name"], 0), most)):
            zone = zones[index % len(zones)]
            born = [str(day)] if index >= least else []
            suffix = stable_uid(uid, pool["name"], str(index), *born).replace("-", "")[:5]
            name = f"{technical}-{pool['name']}-z{index % len(zones) + 1}-{suffix}"
            yield Slot(name, pool, zone, index)


def machine_of(shoot: Json, pool: Json) -> Machine:
    """Return the machine type of a pool."""
    return machines(shoot["spec"]["provider"]["type"]).get(pool["machine"]["type"], UNKNOWN)


def node(shoot: Json, slot: Slot, version: str, *, ready: bool = True) -> Json:
    """Return the Node in one slot; its kubelet has the pool's own version, or else the control plane's."""
    machine = machine_of(shoot, slot.pool)
    provider, region = shoot["spec"]["provider"]["type"], shoot["spec"]["region"]
    created = shoot["metadata"]["creationTimestamp"]
    uid = stable_uid(shoot["metadata"]["uid"], slot.name)
    spec: Json = {"providerID": f"{provider}:///{region}/{slot.zone}/{slot.name}"}
    if slot.pool.get("taints"):
        spec["taints"] = slot.pool["taints"]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": slot.name,
            "uid": uid,
            "creationTimestamp": created,
            "labels": _labels(shoot, slot, machine, version),
            "annotations": {**(slot.pool.get("annotations") or {})},
        },
        "spec": spec,
        "status": _status(shoot, slot, machine, version, created, ready=ready),
    }


def _labels(shoot: Json, slot: Slot, machine: Machine, version: str) -> dict[str, str]:
    region = shoot["spec"]["region"]
    system = bool((slot.pool.get("systemComponents") or {}).get("allow"))
    gpu = {GPU_PRODUCT: GPU_MODELS.get(machine.name.split(".")[0], "NVIDIA-T4")} if machine.gpus else {}
    return {
        **(slot.pool.get("labels") or {}),
        **gpu,
        "kubernetes.io/hostname": slot.name,
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": machine.name,
        "node.kubernetes.io/role": "node",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": slot.zone,
        POOL: slot.pool["name"],
        "worker.gardener.cloud/system-components": str(system).lower(),
        "worker.gardener.cloud/kubernetes-version": version,
        "worker.garden.sapcloud.io/group": slot.pool["name"],
    }


def quantities(machine: Machine, pool: Json) -> tuple[Json, Json]:
    """Return (capacity, allocatable) of a machine as Kubernetes quantities."""
    disk = str((pool.get("volume") or {}).get("size", "50Gi"))
    memory = machine.memory_gib * 1024
    # The firmware and the kernel keep about 2 % of what is sold.
    usable = int(memory * 0.98)
    capacity: Json = {
        "cpu": str(machine.cpu),
        "memory": f"{usable * 1024}Ki",
        "ephemeral-storage": disk,
        "pods": str(PODS_PER_NODE),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
    }
    allocatable: Json = {
        **capacity,
        "cpu": f"{machine.cpu * 1000 - RESERVED_CPU_MILLI}m",
        "memory": f"{(usable - RESERVED_MEMORY_MIB) * 1024}Ki",
    }
    if machine.gpus:
        capacity["nvidia.com/gpu"] = allocatable["nvidia.com/gpu"] = str(machine.gpus)
    return capacity, allocatable


def _status(shoot: Json, slot: Slot, machine: Machine, version: str, since: str, *, ready: bool) -> Json:
    capacity, allocatable = quantities(machine, slot.pool)
    luck = fraction(shoot["metadata"]["uid"], slot.name)
    image = slot.pool["machine"].get("image") or {}
    return {
        "capacity": capacity,
        "allocatable": allocatable,
        "addresses": [
            {"type": "InternalIP", "address": f"10.250.{int(luck * 200)}.{int(luck * 50000) % 250 + 4}"},
            {"type": "Hostname", "address": slot.name},
        ],
        "conditions": _conditions(since, ready=ready),
        "nodeInfo": {
            "kubeletVersion": f"v{version_of(slot.pool, version)}",
            "kubeProxyVersion": f"v{version_of(slot.pool, version)}",
            "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": "6.12.40-cloud-" + machine.architecture,
            "osImage": f"Garden Linux {image.get('version', '')}".strip(),
            "operatingSystem": "linux",
            "architecture": machine.architecture,
            "machineID": stable_uid(slot.name, "machine").replace("-", ""),
            "systemUUID": stable_uid(slot.name, "system"),
            "bootID": stable_uid(slot.name, "boot"),
        },
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": [],
    }


def _conditions(since: str, *, ready: bool) -> list[Any]:
    calm = (
        ("MemoryPressure", "KubeletHasSufficientMemory"),
        ("DiskPressure", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "KubeletHasSufficientPID"),
    )
    found = [
        {
            "type": kind,
            "status": "False",
            "reason": reason,
            "message": f"kubelet reports no {kind}",
            "lastHeartbeatTime": since,
            "lastTransitionTime": since,
        }
        for kind, reason in calm
    ]
    found.append(
        {
            "type": "Ready",
            "status": "True" if ready else "False",
            "reason": "KubeletReady" if ready else "KubeletNotReady",
            "message": "kubelet is posting ready status" if ready else "the node is starting",
            "lastHeartbeatTime": since,
            "lastTransitionTime": since,
        }
    )
    return found
