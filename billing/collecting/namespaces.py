"""Whose a namespace is, and which component of the platform a pod belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from billing.meters.base import Part

Json = Mapping[str, Any]
PART_LABEL = "nesoi.dev/part"  # `platform` or `workload`, on a namespace; it wins over its name
MODULE_LABEL = "nesoi.dev/module"  # on a platform namespace: the key of the module that it holds
OBJECT_ANNOTATION = "nesoi.dev/object-gib"  # on a platform namespace: object storage that the runtime holds
NFS_ANNOTATION = "nesoi.dev/nfs-gib"  # likewise: file shares that no claim stands for

# What Kubernetes, Gardener, Kyma and we ourselves bring into clusters.
PLATFORM = frozenset(
    [
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "garden",
        "istio-system",
        "kyma-system",
        "nesoi-system",
        "nesoi-access",
    ]
)
COMPONENT_LABELS = ("app.kubernetes.io/name", "k8s-app", "app")
OTHERS = "other"
_HASHED = re.compile(r"-[a-z0-9]{5,10}$")


def part_of(name: str, labels: Mapping[str, str]) -> Part:
    """Return whose a namespace is: as its label says, else by its name."""
    said = labels.get(PART_LABEL)
    if said in (Part.PLATFORM, Part.WORKLOAD):
        return Part(said)
    return Part.PLATFORM if name in PLATFORM else Part.WORKLOAD


def component_of(pod: Json) -> str:
    """Return the component's name: by the pod's labels, else by what owns it, else the pod's own."""
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    for label in COMPONENT_LABELS:
        if labels.get(label):
            return str(labels[label])
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            hashed = owner.get("kind") in ("ReplicaSet", "Job")
            return _HASHED.sub("", owner["name"]) if hashed else str(owner["name"])
    return str(metadata["name"])
