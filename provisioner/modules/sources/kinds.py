"""Which kinds of objects a bundle may bring, and which of them live in namespaces. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.modules.base import Module
from provisioner.modules.sources.groups import owner_of_group
from provisioner.runtimes.inside import Identity, ObjectRef

LANDSCAPE = "kube-system"
CRD = "CustomResourceDefinition"
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob"})
_CLUSTER = {
    "apiextensions.k8s.io": (CRD,),
    "apiregistration.k8s.io": ("APIService",),
    "admissionregistration.k8s.io": (
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ),
    "networking.k8s.io": ("IngressClass",),
    "node.k8s.io": ("RuntimeClass",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "storage.k8s.io": ("CSIDriver", "StorageClass"),
}
_NAMESPACED = {
    "": ("ConfigMap", "Secret", "Service", "ServiceAccount"),
    "apps": ("DaemonSet", "Deployment", "StatefulSet"),
    "autoscaling": ("HorizontalPodAutoscaler",),
    "batch": ("CronJob",),
    "networking.k8s.io": ("Ingress", "NetworkPolicy"),
    "policy": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
}
_BUILT_IN = {
    **{(group, kind): False for group, kinds in _CLUSTER.items() for kind in kinds},
    **{(group, kind): True for group, kinds in _NAMESPACED.items() for kind in kinds},
}
# Why not, for what upstream bundles often bring.
REMEDIES = {
    "Job": "nothing of ours runs once and is over: switch it off, or let a Deployment do it",
    "LimitRange": "the module isolation bounds the platform's namespaces",
    "Namespace": "the platform's namespaces are there already: set the bundle to nesoi-system",
    "PersistentVolumeClaim": "data would go with the module: use volumeClaimTemplates of a StatefulSet",
    "Pod": "nobody brings a bare pod back: use a Deployment",
    "PriorityClass": "everything of ours has the class nesoi-platform",
    "ResourceQuota": "the module isolation bounds the platform's namespaces",
}
# In the order in which Helm installs, as others stand on them; what catches requests comes once somebody answers it.
_RANKS = {
    CRD: 0,
    **dict.fromkeys(("ConfigMap", "NetworkPolicy", "Secret", "ServiceAccount"), 1),
    **dict.fromkeys(("ClusterRole", "Role"), 2),
    **dict.fromkeys(("ClusterRoleBinding", "RoleBinding"), 3),
    "Service": 4,
    **dict.fromkeys(WORKLOADS, 5),
    **dict.fromkeys(("HorizontalPodAutoscaler", "Ingress", "PodDisruptionBudget"), 6),
    "APIService": 8,
    **dict.fromkeys((kind for kind in _CLUSTER["admissionregistration.k8s.io"]), 9),
}
_CUSTOM = 7

Scopes = Mapping[tuple[str, str], bool]


def group_of(document: Mapping[str, Any]) -> str:
    """Return the API group of an object, empty for the core's."""
    return str(document["apiVersion"]).rpartition("/")[0]


def identity_of(document: Mapping[str, Any]) -> Identity:
    """Return what an object is known by, whichever version of its kind it is written in."""
    return ObjectRef.of(document).identity


def scopes_of(documents: Iterable[Mapping[str, Any]], module: Module) -> Scopes:
    """Return {(group, kind): whether it lives in namespaces} of what may come: built in, defined here, or the module's own.

    No definition of a bundle says anything of a group that is somebody else's.
    """
    found = dict(_BUILT_IN)
    for kind in (*module.data, *([module.interface] if module.interface else [])):
        found[kind.group, kind.kind] = kind.namespaced
    for document in documents:
        spec = document.get("spec")
        if document["kind"] == CRD and isinstance(spec, Mapping) and isinstance(spec.get("names"), Mapping):
            group, called = str(spec.get("group")), str(spec["names"].get("kind"))
            if not owner_of_group(group):
                found[group, called] = spec.get("scope") == "Namespaced"
    return found


def is_delegation(document: Mapping[str, Any]) -> bool:
    """Say whether an object only lets a reader of the API server's own settings in, which every extension of it needs there."""
    if document["kind"] != "RoleBinding" or document["metadata"].get("namespace") != LANDSCAPE:
        return False
    return (document.get("roleRef") or {}).get("name") == "extension-apiserver-authentication-reader"


def rank(document: Mapping[str, Any]) -> int:
    """Return when an object is applied, lower ones first."""
    return _RANKS.get(document["kind"], _CUSTOM)
