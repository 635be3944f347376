"""The inhabitants as Kubernetes objects: deterministic, labelled as ours, never stored."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.simulator.cluster.inhabited.apps import SNAPSHOTS, SPACES, Place, Volume, balancers, volumes
from provisioner.simulator.cluster.inhabited.rhythm import DAY
from provisioner.simulator.cluster.inhabited.sizing import apps_of
from provisioner.simulator.cluster.nodes import stable_uid
from provisioner.simulator.cluster.system import Component, running
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.seeding import namespace
from provisioner.simulator.gardener.status import fraction

Key = tuple[str, str]
MADE = ("origin", "inhabitant")
PLATFORM = "nesoi-system"
AGENTS = (
    Component("telemetry-agent", "telemetry-agent:v2.4", 60, 120),
    Component("policy-controller", "policy-controller:v1.9", 50, 100, 1),
    Component("backup-agent", "backup-agent:v3.1", 20, 60, 1),
)
PODS, CLAIMS, SERVICES = ("", "pods"), ("", "persistentvolumeclaims"), ("", "services")
SNAPS = ("snapshot.storage.k8s.io", "volumesnapshots")
KINDS: tuple[Key, ...] = (("", "namespaces"), PODS, CLAIMS, SERVICES, SNAPS)


def inhabitants(shoot: Json, place: Place, nodes: list[str], at: float) -> Iterator[tuple[Key, Json]]:
    """Yield all of them, on the nodes that there are; none where the simulator is told to leave clusters empty."""
    if not place.fill or not nodes:
        return
    for name in SPACES:
        yield ("", "namespaces"), _made(shoot, namespace(name))
    yield ("", "namespaces"), _made(shoot, namespace(PLATFORM, {"nesoi.dev/part": "platform"}))
    for agent in AGENTS:
        hosts = nodes[: agent.replicas] if agent.replicas else nodes
        for host in hosts:
            name = f"{agent.name}-{_short(host)}"
            made = _pod(shoot, PLATFORM, agent.name, name, host, agent.cpu, agent.memory)
            made["metadata"]["labels"]["gardener.cloud/role"] = "system-component"
            yield PODS, made
    turn = 0
    for app in apps_of(shoot, place, at):
        for index in range(app.replicas):
            name = f"{app.name}-{_short(place.identity + app.name)}-{index}"
            yield PODS, _pod(shoot, app.space, app.name, name, nodes[turn % len(nodes)], app.cpu, app.memory)
            turn += 1
    for volume in volumes(place, at):
        yield CLAIMS, _claim(shoot, volume)
        for age in range(SNAPSHOTS):
            yield SNAPS, _snapshot(shoot, volume, int(at // DAY) - age)
    for index in range(balancers(place)):
        yield SERVICES, _balancer(shoot, index)


def _short(text: str) -> str:
    return stable_uid(text).replace("-", "")[:5]


def _made(shoot: Json, document: Json) -> Json:
    metadata = document["metadata"]
    parts = (document["kind"], metadata.get("namespace", ""), metadata["name"])
    metadata["uid"] = stable_uid(shoot["metadata"]["uid"], *parts)
    metadata["creationTimestamp"] = shoot["metadata"]["creationTimestamp"]
    metadata.setdefault("labels", {})[MADE[0]] = MADE[1]
    return document


def _head(api_version: str, kind: str, space: str, name: str, **labels: str) -> Json:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": space, "labels": labels},
    }


def _pod(shoot: Json, space: str, app: str, name: str, host: str, cpu: int, memory: int) -> Json:
    document = _head("v1", "Pod", space, name)
    document["metadata"]["labels"]["app.kubernetes.io/name"] = app
    requests = {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}
    container: Json = {"name": app, "image": f"registry.example/{app}:1", "resources": {"requests": requests}}
    document["spec"] = {"containers": [container], "nodeName": host, "serviceAccountName": "default"}
    found = _made(shoot, document)
    metadata = found["metadata"]
    found["status"] = running(app, container["image"], metadata["uid"], metadata["creationTimestamp"])
    return found


def _claim(shoot: Json, volume: Volume) -> Json:
    document = _head("v1", "PersistentVolumeClaim", volume.space, volume.name)
    document["metadata"]["annotations"] = {"volume.kubernetes.io/storage-provisioner": "simulator.nesoi"}
    size = {"storage": f"{volume.gib}Gi"}
    document["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": size},
        "storageClassName": "default",
        "volumeMode": "Filesystem",
        "volumeName": f"pvc-{stable_uid(shoot['metadata']['uid'], volume.name)}",
    }
    document["status"] = {"phase": "Bound", "capacity": size, "accessModes": ["ReadWriteOnce"]}
    return _made(shoot, document)


def _snapshot(shoot: Json, volume: Volume, day: int) -> Json:
    document = _head("snapshot.storage.k8s.io/v1", "VolumeSnapshot", volume.space, f"{volume.name}-{day}")
    document["spec"] = {
        "source": {"persistentVolumeClaimName": volume.name},
        "volumeSnapshotClassName": "default",
    }
    document["status"] = {"readyToUse": True, "restoreSize": f"{volume.gib}Gi"}
    return _made(shoot, document)


def _balancer(shoot: Json, index: int) -> Json:
    document = _made(shoot, _head("v1", "Service", SPACES[0], f"public-{index}"))
    luck = fraction(document["metadata"]["uid"])
    first = f"100.64.{int(luck * 200) + 1}.{int(luck * 60000) % 250 + 2}"
    document["spec"] = {
        "type": "LoadBalancer",
        "clusterIP": first,
        "clusterIPs": [first],
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}],
    }
    # 203.0.113.0/24 is reserved for documentation (RFC 5737): nobody is reached by mistake.
    document["status"] = {"loadBalancer": {"ingress": [{"ip": f"203.0.113.{int(luck * 253) + 1}"}]}}
    return document
