"""metrics.k8s.io: plausible usage, the same for everyone who asks in the same half minute."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from provisioner.simulator.cluster.inhabited.rhythm import habit, load
from provisioner.simulator.cluster.quantity import amount, cores, kibibytes
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.kinds import Resource
from provisioner.simulator.moments import stamp
from provisioner.simulator.settings import Settings

WINDOW_SECONDS = 30
SYSTEM = frozenset({"kube-system", "nesoi-system"})


def measure(
    settings: Settings, endpoint: Endpoint, resource: Resource, namespace: str, name: str
) -> list[Json]:
    """Return NodeMetrics or PodMetrics, of all or of one."""
    slot = int(time.time()) // WINDOW_SECONDS * WINDOW_SECONDS
    busy = load(settings.seed, endpoint.identity, slot)
    appetite = habit(settings.seed, endpoint.identity).appetite
    running = [
        pod for pod in endpoint.collection("", "pods").documents() if pod["status"].get("phase") == "Running"
    ]
    if resource.plural == "pods":
        return [
            _pod(pod, slot, busy, appetite)
            for pod in running
            if namespace in ("", pod["metadata"]["namespace"]) and name in ("", pod["metadata"]["name"])
        ]
    usage: dict[str, tuple[float, float]] = {}
    for pod in running:
        host = pod["spec"].get("nodeName", "")
        cpu, memory = usage.get(host, (0.0, 0.0))
        for container in pod["spec"]["containers"]:
            more_cpu, more_memory = used(pod, container, busy, appetite)
            cpu, memory = cpu + more_cpu, memory + more_memory
        usage[host] = (cpu, memory)
    found = []
    for node in endpoint.collection("", "nodes").documents():
        label = node["metadata"]["name"]
        if name not in ("", label):
            continue
        cpu, memory = usage.get(label, (0.0, 0.0))
        # Kubelet, containerd and the kernel use something too.
        total = {"cpu": cores(cpu + 0.05), "memory": kibibytes(memory + 600 * 2**20)}
        found.append({**_head("NodeMetrics", label, "", slot, node), "usage": total})
    return found


def _head(kind: str, name: str, namespace: str, slot: int, source: Json) -> Json:
    metadata: Json = {
        "name": name,
        "creationTimestamp": stamp(),
        "labels": source["metadata"].get("labels", {}),
    }
    if namespace:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": kind,
        "metadata": metadata,
        "timestamp": stamp(datetime.fromtimestamp(slot, UTC)),
        "window": f"{WINDOW_SECONDS}s",
    }


def _pod(pod: Json, slot: int, busy: float, appetite: float) -> Json:
    containers = []
    for container in pod["spec"]["containers"]:
        cpu, memory = used(pod, container, busy, appetite)
        containers.append(
            {"name": container["name"], "usage": {"cpu": cores(cpu), "memory": kibibytes(memory)}}
        )
    head = _head("PodMetrics", pod["metadata"]["name"], pod["metadata"]["namespace"], slot, pod)
    return {**head, "containers": containers}


def used(pod: Json, container: Json, busy: float, appetite: float) -> tuple[float, float]:
    """Return (cores, bytes): part of what was requested, more by day than by night; memory hardly moves."""
    metadata = pod["metadata"]
    app = (metadata.get("labels") or {}).get("app.kubernetes.io/name") or metadata["name"]
    name = f"{metadata['namespace']}/{app}/{container['name']}"
    requests = (container.get("resources") or {}).get("requests") or {}
    cpu = amount(requests.get("cpu", "50m")) or 0.05
    memory = amount(requests.get("memory", "64Mi")) or 64 * 2**20
    own = 1.0 if metadata["namespace"] in SYSTEM else appetite
    share = (0.2 + 0.5 * fraction("share", name)) * own * (0.4 + 0.6 * busy)
    return cpu * share, memory * (0.45 + 0.4 * fraction("memory", name)) * own * (0.97 + 0.03 * busy)
