"""metrics.k8s.io: plausible usage, the same for everyone who asks in the same half minute."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

from provisioner.simulator.cluster.quantity import amount, cores, kibibytes
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.kinds import Resource
from provisioner.simulator.moments import stamp

WINDOW_SECONDS = 30
DAY = 86400


def measure(endpoint: Endpoint, resource: Resource, namespace: str, name: str) -> list[Json]:
    """Return NodeMetrics or PodMetrics, of all or of one."""
    slot = int(time.time()) // WINDOW_SECONDS * WINDOW_SECONDS
    running = [
        pod for pod in endpoint.collection("", "pods").documents() if pod["status"].get("phase") == "Running"
    ]
    if resource.plural == "pods":
        return [
            _pod(pod, slot)
            for pod in running
            if namespace in ("", pod["metadata"]["namespace"]) and name in ("", pod["metadata"]["name"])
        ]
    usage: dict[str, tuple[float, float]] = {}
    for pod in running:
        host = pod["spec"].get("nodeName", "")
        cpu, memory = usage.get(host, (0.0, 0.0))
        for container in pod["spec"]["containers"]:
            more_cpu, more_memory = _container(pod, container, slot)
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


def _pod(pod: Json, slot: int) -> Json:
    containers = []
    for container in pod["spec"]["containers"]:
        cpu, memory = _container(pod, container, slot)
        containers.append(
            {"name": container["name"], "usage": {"cpu": cores(cpu), "memory": kibibytes(memory)}}
        )
    head = _head("PodMetrics", pod["metadata"]["name"], pod["metadata"]["namespace"], slot, pod)
    return {**head, "containers": containers}


def _container(pod: Json, container: Json, slot: int) -> tuple[float, float]:
    """Return (cores, bytes): part of what was requested, with a day's rhythm and a little noise."""
    name = f"{pod['metadata']['uid']}/{container['name']}"
    requests = (container.get("resources") or {}).get("requests") or {}
    cpu = amount(requests.get("cpu", "50m")) or 0.05
    memory = amount(requests.get("memory", "64Mi")) or 64 * 2**20
    share = 0.25 + 0.5 * fraction("share", name)
    rhythm = 1 + 0.35 * math.sin(2 * math.pi * (slot % DAY / DAY + fraction("phase", name)))
    noise = 0.9 + 0.2 * fraction("noise", name, slot)
    return cpu * share * rhythm * noise, memory * (0.5 + 0.4 * fraction("memory", name)) * (
        0.97 + 0.06 * noise - 0.06
    )
