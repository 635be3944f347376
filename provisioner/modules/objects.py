"""The Kubernetes objects that modules are made of: small, with requests and limits, and marked as ours. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from provisioner.modules import ports
from provisioner.modules.base import GROUP, ClusterFacts, CustomKind, Request
from provisioner.runtimes.inside import Json

SYSTEM = "nesoi-system"  # where the platform's components run
ACCESS = "nesoi-access"  # where granted service accounts live: drivers.kube.service_access
DRIVERS = "nesoi-drivers"  # what has to reach into the nodes
OURS = (SYSTEM, ACCESS, DRIVERS)  # namespaces that only the platform writes to
LANDSCAPES = ("kube-system", "kube-public", "kube-node-lease")  # and those that the landscape does
WRITER = "nesoi"  # the field manager that everything of ours is applied by: drivers.shoots.ownership.MANAGER
PRIORITY = "nesoi-platform"
SYSTEM_NODES = "nesoi.dev/system"  # label and taint of nodes that are the platform's own
MODULE = f"{GROUP}/part-of"  # label of every object of a module, with its key
MANAGED = {"app.kubernetes.io/managed-by": "nesoi"}
Labels = Mapping[str, str]


def ours(document: Mapping[str, Any], key: str) -> Json:
    """Return the document marked as a part of this module."""
    metadata = document["metadata"]
    labels = {**(metadata.get("labels") or {}), **MANAGED, MODULE: key}
    return {**document, "metadata": {**metadata, "labels": labels}}


def namespace(name: str, *, security: str) -> Json:
    """Return a namespace of the platform, as meters tell them apart, at a Pod Security level."""
    levels = {f"pod-security.kubernetes.io/{mode}": security for mode in ("enforce", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {**levels, "nesoi.dev/part": "platform"}},
    }


def bounds(name: str, hard: Labels, *, closed: bool = False) -> list[Json]:
    """Return what bounds a namespace of the platform: a quota, defaults where no requests are named, and a network that is shut.

    Its pods reach one another, the DNS and API servers, and nobody else reaches them; `closed` shuts these ways too. Every module
    adds its own doors.
    """
    defaults = {"type": "Container", "defaultRequest": {"cpu": "10m", "memory": "32Mi"}}
    return [
        _bound("v1", "ResourceQuota", "platform", name, {"hard": dict(hard)}),
        _bound(
            "v1", "LimitRange", "platform", name, {"limits": [{**defaults, "default": {"memory": "256Mi"}}]}
        ),
        _bound(
            "networking.k8s.io/v1", "NetworkPolicy", "default-deny", name, _shut() if closed else _among_us()
        ),
    ]


def _bound(version: str, kind: str, name: str, place: str, spec: Json) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": place}, "spec": spec}


def _shut() -> Json:
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def _among_us() -> Json:
    among: list[Json] = [{"podSelector": {}}]
    dns = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
    api = {"ports": [{"port": 443, "protocol": "TCP"}]}
    return {**_shut(), "ingress": [{"from": among}], "egress": [{"to": among}, dns, api]}


def deployment(
    asked: Request, *, name: str = "", replicas: int = 1, cpu: int, memory: int, extra: Labels | None = None
) -> Json:
    """Return a Deployment in the platform's namespace: CPU in millicores, memory in MiB, of each replica."""
    called = name or f"{asked.key}-{asked.implementation}"
    spec = {"replicas": replicas, **_pods(asked, called, cpu, memory, extra or {})}
    return _workload("Deployment", called, spec)


def daemon_set(
    asked: Request, *, name: str, cpu: int, memory: int, nodes: Labels | None = None, place: str = SYSTEM
) -> Json:
    """Return a DaemonSet for every node, or those with these labels."""
    spec = _pods(asked, name, cpu, memory, {})
    pod = spec["template"]["spec"]
    pod["tolerations"] = [{"operator": "Exists"}]
    pod.pop("nodeSelector", None)
    if nodes:
        pod["nodeSelector"] = dict(nodes)
    made = _workload("DaemonSet", name, spec)
    made["metadata"]["namespace"] = place
    return made


def _workload(kind: str, name: str, spec: Json) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": spec,
    }


def _pods(asked: Request, name: str, cpu: int, memory: int, extra: Labels) -> Json:
    container = {
        "name": asked.implementation,
        "image": ports.images.ours(f"{asked.key}/{asked.implementation}", asked.version),
        "env": [{"name": "SETTINGS", "value": json.dumps(asked.settings, sort_keys=True)}],
        "resources": {
            "requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"},
            "limits": {"memory": f"{memory}Mi"},  # no limit to CPU: throttling hurts, memory kills neighbours
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    labels = {"app.kubernetes.io/name": name, MODULE: asked.key, **extra}
    spec = {
        "priorityClassName": PRIORITY,
        "containers": [container],
        **placement(asked.cluster),
    }
    return {
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }


def placement(cluster: ClusterFacts) -> Json:
    """Return where the platform's pods go: to its own nodes where there are some."""
    if not cluster.system_pool:
        return {}
    toleration = {"key": SYSTEM_NODES, "operator": "Exists", "effect": "NoSchedule"}
    return {"nodeSelector": {SYSTEM_NODES: "true"}, "tolerations": [toleration]}


def service(asked: Request, *, name: str, port: int, selector: Labels) -> Json:
    """Return the address that tenants' workloads use, whatever implementation answers behind it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": {"selector": dict(selector), "ports": [{"name": "main", "port": port, "protocol": "TCP"}]},
    }


def door(name: str, *, port: int, to: Labels) -> Json:
    """Return the policy that lets tenants' workloads through to these pods: everything else is denied."""
    spec = {
        "podSelector": {"matchLabels": dict(to)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": spec,
    }


def definition(kind: CustomKind, spec_schema: Mapping[str, Any] | None = None) -> Json:
    """Return the CustomResourceDefinition of a kind; without a schema its spec takes whatever is written."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {
        "type": "object",
        "properties": {"spec": structural(spec_schema) if spec_schema else free, "status": free},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.kind,
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "listKind": f"{kind.kind}List",
            },
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


_STRUCTURAL = frozenset(
    {
        "type",
        "properties",
        "items",
        "enum",
        "default",
        "minimum",
        "maximum",
        "pattern",
        "maxLength",
        "minLength",
    }
    | {"maxItems", "minItems", "description", "required"}
)


def structural(schema: Mapping[str, Any]) -> Json:
    """Return of a JSON Schema what a CustomResourceDefinition takes: structural schemas forbid the rest."""
    found: Json = {key: value for key, value in schema.items() if key in _STRUCTURAL}
    if "properties" in found:
        found["properties"] = {name: structural(child) for name, child in schema["properties"].items()}
    if "items" in found:
        found["items"] = structural(schema["items"])
    return found


def resource(kind: CustomKind, settings: Mapping[str, Any]) -> Json:
    """Return the module's own custom resource."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "default"},
        "spec": dict(settings),
    }
