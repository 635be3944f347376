"""Isolation: the platform's namespaces, what bounds them, and what keeps tenants' work off the platform's nodes."""

from __future__ import annotations

from typing import Any

from provisioner.modules.base import Implementation, Module, Request
from provisioner.modules.objects import LANDSCAPES, OURS, PRIORITY, SYSTEM, SYSTEM_NODES, namespace
from provisioner.runtimes.inside import Json

POLICY = "nesoi-keep-off-system-nodes"
# What all modules together may request, with room for a roll-out of each: a test holds their footprints against it.
QUOTA = {"requests.cpu": "12", "requests.memory": "24Gi", "pods": "300"}
_REGISTRATION = "admissionregistration.k8s.io/v1"


def _priority() -> Json:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": PRIORITY},
        "value": 1000000000,  # the highest that is not reserved for Kubernetes itself
        "globalDefault": False,
        "description": "The platform's components: they go last when a node is short.",
    }


def _bounded(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": SYSTEM}, "spec": spec}


def _policies() -> list[Json]:
    """Nothing comes in or goes out but among ourselves, to the DNS and to API servers; every module adds its own doors."""
    among: list[Json] = [{"podSelector": {}}]
    dns = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
    api = {"ports": [{"port": 443, "protocol": "TCP"}]}
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": among}],
        "egress": [{"to": among}, dns, api],
    }
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "default-deny", "namespace": SYSTEM},
            "spec": spec,
        }
    ]


def _admission(asked: Request) -> list[Json]:
    """Pods outside the platform's namespaces may neither ask for its nodes, nor tolerate their taint, nor name their node.

    Where no nodes are the platform's own, they are only warned.
    """
    elsewhere = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": [*OURS, *LANDSCAPES],
    }
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchExpressions": [elsewhere]},
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["pods"],
                }
            ],
        },
        "validations": _validations(),
    }
    actions = ["Deny" if asked.cluster.system_pool else "Warn", "Audit"]
    binding = {"policyName": POLICY, "validationActions": actions}
    return [
        {"apiVersion": _REGISTRATION, "kind": kind, "metadata": {"name": POLICY}, "spec": body}
        for kind, body in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", binding))
    ]


def _validations() -> list[Json]:
    """A toleration without a key tolerates everything; those that DaemonSets' controller adds have keys of Kubernetes."""
    tolerates = (
        "!has(object.spec.tolerations) || object.spec.tolerations.all(t, "
        f"!has(t.key) ? false : t.key != '{SYSTEM_NODES}')"
    )
    selects = f"!has(object.spec.nodeSelector) || !('{SYSTEM_NODES}' in object.spec.nodeSelector)"
    priority = f"!has(object.spec.priorityClassName) || object.spec.priorityClassName != '{PRIORITY}'"
    said = "System nodes are the platform's own: take away the toleration or node selector that leads there."
    return [
        {"expression": tolerates, "message": said, "reason": "Forbidden"},
        {"expression": selects, "message": said, "reason": "Forbidden"},
        {"expression": "!has(object.spec.nodeName) || request.operation != 'CREATE'", "message": said},
        {
            "expression": priority,
            "message": f"The priority class {PRIORITY} is the platform's own; choose another.",
            "reason": "Forbidden",
        },
    ]


def _render(asked: Request) -> list[Json]:
    defaults = {"type": "Container", "defaultRequest": {"cpu": "10m", "memory": "32Mi"}}
    return [
        namespace(SYSTEM, security="restricted"),
        _priority(),
        _bounded("ResourceQuota", "platform", {"hard": QUOTA}),
        _bounded("LimitRange", "platform", {"limits": [{**defaults, "default": {"memory": "256Mi"}}]}),
        *_policies(),
        *_admission(asked),
    ]


module = Module(
    key="isolation",
    owner="platform-security",
    implementations={"native": Implementation("Kubernetes' own policies", _render)},
    health=("Namespace",),
    mandatory=True,
)
