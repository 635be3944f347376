"""Kubernetes objects as short as a test can say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from billing.collecting.parsing import read_sight
from billing.collecting.sight import Answers, Sight

Json = dict[str, Any]
AT = datetime(2026, 6, 3, 12, 4, 10, tzinfo=UTC)


def meta(name: str, space: str = "", **more: Any) -> Json:
    found: Json = {"name": name, "uid": more.pop("uid", f"uid-{space}-{name}"), **more}
    return {**found, "namespace": space} if space else found


def space(name: str, annotations: Mapping[str, str] | None = None, **labels: str) -> Json:
    named = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
    return {"metadata": meta(name, labels=named, annotations=dict(annotations or {}))}


def node(
    name: str,
    machine: str = "m6i.large",
    labels: Mapping[str, str] | None = None,
    capacity: Mapping[str, str] | None = None,
    addresses: Sequence[Json] = (),
) -> Json:
    named = {"node.kubernetes.io/instance-type": machine} if machine else {}
    return {
        "metadata": meta(name, labels={**named, **(labels or {})}),
        "status": {
            "capacity": {"cpu": "2", "memory": "8028160Ki", **(capacity or {})},
            "allocatable": {"cpu": "1920m", "memory": "6979584Ki", **(capacity or {})},
            "addresses": list(addresses),
        },
    }


def pod(name: str, space: str, cpu: str = "100m", memory: str = "128Mi", **more: Any) -> Json:
    labels = more.pop("labels", {})
    owners = more.pop("owners", [])
    phase = more.pop("phase", "Running")
    return {
        "metadata": meta(name, space, labels=labels, ownerReferences=owners),
        "spec": {"nodeName": "n1", "containers": [container(cpu, memory)], **more},
        "status": {"phase": phase},
    }


def container(cpu: str, memory: str, **more: Any) -> Json:
    return {"name": "main", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def usage(name: str, space: str, cpu: str, memory: str) -> Json:
    return {
        "metadata": meta(name, space),
        "containers": [{"name": "main", "usage": {"cpu": cpu, "memory": memory}}],
    }


def claim(
    name: str, size: str, storage_class: str = "gp3", phase: str = "Bound", maker: str = "ebs.csi.aws.com"
) -> Json:
    return {
        "metadata": meta(name, "shop", annotations={"volume.kubernetes.io/storage-provisioner": maker}),
        "spec": {"storageClassName": storage_class, "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": phase, **({"capacity": {"storage": size}} if phase == "Bound" else {})},
    }


def snapshot(name: str, size: str | None, source: str = "data", *, ready: bool = True) -> Json:
    status: Json = {"readyToUse": ready, **({"restoreSize": size} if size else {})}
    return {
        "metadata": meta(name, "shop"),
        "spec": {"volumeSnapshotClassName": "default", "source": {"persistentVolumeClaimName": source}},
        "status": status,
    }


def balancer(name: str, *ingress: Json, kind: str = "LoadBalancer") -> Json:
    return {
        "metadata": meta(name, "shop"),
        "spec": {"type": kind},
        "status": {"loadBalancer": {"ingress": list(ingress)} if ingress else {}},
    }


def seen(**lists: Any) -> Sight:
    """Read a cluster of which only what is given stands."""
    spaces = [space("kube-system"), *lists.pop("namespaces", [])]
    more = {name: lists.pop(name) for name in ("modules", "control_planes", "own_nodes") if name in lists}
    full: Json = {"nodes": [], "pods": [], "claims": [], "services": [], **lists}
    return read_sight(Answers(namespaces=spaces, **full), at=AT, **more)
