"""What every cluster has from its first minute: namespaces, system workloads, roles, storage classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.simulator.cluster.nodes import stable_uid
from provisioner.simulator.cluster.roles import RBAC, cluster_roles
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.seeding import namespace
from provisioner.simulator.gardener.status import fraction

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Component:
    """A system component: one pod per node, or a fixed number per cluster; CPU in millicores, memory in MiB."""

    name: str
    image: str
    cpu: int
    memory: int
    replicas: int = 0


COMPONENTS = (
    Component("calico-node", "calico/node:v3.30.3", 100, 100),
    Component("kube-proxy", "kube-proxy", 20, 64),
    Component("apiserver-proxy", "envoy:v1.35", 40, 40),
    Component("csi-driver-node", "csi-driver:v1.48", 35, 110),
    Component("node-local-dns", "k8s-dns-node-cache:1.26", 25, 25),
    Component("node-exporter", "node-exporter:v1.9", 50, 50),
    Component("node-problem-detector", "node-problem-detector:v0.8", 20, 20),
    Component("coredns", "coredns:v1.12", 50, 30, 2),
    Component("metrics-server", "metrics-server:v0.8", 50, 60, 2),
    Component("calico-typha", "calico/typha:v3.30.3", 200, 100, 1),
    Component("vpn-shoot", "vpn-client:0.41", 50, 40, 1),
    Component("blackbox-exporter", "blackbox-exporter:v0.27", 10, 25, 2),
)


def fixtures(shoot: Json) -> Iterator[tuple[Key, Json]]:
    """Yield the objects that do not depend on nodes."""
    services = str(shoot["spec"]["networking"].get("services", "100.64.0.0/13"))
    first = services.split("/", maxsplit=1)[0].rsplit(".", 1)[0]
    for name in NAMESPACES:
        yield ("", "namespaces"), namespace(name)
        yield ("", "serviceaccounts"), _object("v1", "ServiceAccount", "default", name)
        ca = {**_object("v1", "ConfigMap", "kube-root-ca.crt", name), "data": {}}
        yield ("", "configmaps"), ca
    yield ("", "services"), _service("kubernetes", "default", f"{first}.1", 443)
    yield ("", "services"), _service("kube-dns", "kube-system", f"{first}.10", 53)
    for name, rules in cluster_roles().items():
        yield (RBAC, "clusterroles"), {**_object(f"{RBAC}/v1", "ClusterRole", name), "rules": rules}
    storage = _object("storage.k8s.io/v1", "StorageClass", "default")
    storage["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage.update(
        provisioner="simulator.nesoi", reclaimPolicy="Delete", volumeBindingMode="WaitForFirstConsumer"
    )
    yield ("storage.k8s.io", "storageclasses"), storage
    for name, value in (("system-cluster-critical", 2000000000), ("system-node-critical", 2000001000)):
        priority = _object("scheduling.k8s.io/v1", "PriorityClass", name)
        yield ("scheduling.k8s.io", "priorityclasses"), {**priority, "value": value}


def _object(api_version: str, kind: str, name: str, space: str = "") -> Json:
    metadata: Json = {"name": name}
    if space:
        metadata["namespace"] = space
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _service(name: str, space: str, address: str, port: int) -> Json:
    return {
        **_object("v1", "Service", name, space),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ports": [{"name": "main", "port": port, "protocol": "TCP", "targetPort": port}],
        },
        "status": {"loadBalancer": {}},
    }


def pods(shoot: Json, nodes: list[Json], version: str) -> Iterator[Json]:
    """Yield the system pods: one per node, or replicas on the nodes that take them; pending ones when there is no such node."""
    every = [each["metadata"]["name"] for each in nodes]
    taking = [
        each["metadata"]["name"]
        for each in nodes
        if each["metadata"]["labels"]["worker.gardener.cloud/system-components"] == "true"
    ]
    for component in COMPONENTS:
        if component.replicas:
            for index in range(component.replicas):
                host = taking[index % len(taking)] if taking else ""
                yield _pod(shoot, component, str(index), host, version)
        else:
            for host in every:
                yield _pod(shoot, component, host, host, version)


def _pod(shoot: Json, component: Component, slot: str, host: str, version: str) -> Json:
    created, uid = (
        shoot["metadata"]["creationTimestamp"],
        stable_uid(shoot["metadata"]["uid"], component.name, slot),
    )
    image = f"{component.image}:v{version}" if component.name == "kube-proxy" else component.image
    container = {
        "name": component.name,
        "image": image,
        "resources": {"requests": {"cpu": f"{component.cpu}m", "memory": f"{component.memory}Mi"}},
    }
    spec: Json = {
        "containers": [container],
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "system-node-critical" if not component.replicas else "system-cluster-critical",
        "serviceAccountName": "default",
    }
    if host:
        spec["nodeName"] = host
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{component.name}-{uid[:5]}",
            "namespace": "kube-system",
            "uid": uid,
            "creationTimestamp": created,
            "labels": {
                "app.kubernetes.io/name": component.name,
                "gardener.cloud/role": "system-component",
                "origin": "gardener",
            },
        },
        "spec": spec,
        "status": running(component.name, image, uid, created) if host else pending("no node is available"),
    }


def running(container: str, image: str, uid: str, since: str) -> Json:
    """Return the status of a pod that runs."""
    luck = fraction(uid)
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": since}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    return {
        "phase": "Running",
        "podIP": f"100.{96 + int(luck * 30)}.{int(luck * 9999) % 255}.{int(luck * 999999) % 250 + 2}",
        "startTime": since,
        "qosClass": "Burstable",
        "conditions": conditions,
        "containerStatuses": [
            {
                "name": container,
                "image": image,
                "imageID": image,
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": since}},
            }
        ],
    }


def pending(why: str) -> Json:
    """Return the status of a pod that no node takes."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
    return {"phase": "Pending", "qosClass": "Burstable", "conditions": [condition]}
