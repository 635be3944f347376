"""Isolation: the platform's namespaces, what bounds them, and what keeps tenants' work off the platform's nodes."""

from __future__ import annotations

from math import ceil
from typing import Any

from provisioner.modules.base import Footprint, Implementation, Module, Request
from provisioner.modules.objects import (
    ACCESS,
    DRIVERS,
    LANDSCAPES,
    OURS,
    PRIORITY,
    SYSTEM,
    SYSTEM_NODES,
    WRITER,
    Labels,
    bounds,
    namespace,
)
from provisioner.runtimes.inside import Json

POLICY, BINDINGS, PREMISES = "nesoi-keep-off-system-nodes", "nesoi-scheduler-binds", "nesoi-own-namespaces"
# What all modules together may request, with room for a roll-out of each; and what their agents may on each node, twice, because
# one implementation is there until the next one is. A test holds their footprints against both.
CORES, GIBIBYTES, PODS = 12, 24, 300
NODE_MILLICORES, NODE_MEBIBYTES, NODE_PODS = 50, 128, 2
NOTHING = Footprint()
_REGISTRATION = "admissionregistration.k8s.io/v1"


def quota(nodes: int, surplus: Footprint = NOTHING) -> Labels:
    """Return what may be requested in the platform's namespace of a cluster that has at most so many nodes.

    The surplus counts twice, as one version of a module is there until the next one is. Whole cores and GiB: so the API server
    writes them too, and nobody takes its writing for drift.
    """
    millicores = nodes * (NODE_MILLICORES + 2 * surplus.per_node_cpu_millicores) + 2 * surplus.cpu_millicores
    mebibytes = nodes * (NODE_MEBIBYTES + 2 * surplus.per_node_memory_mib) + 2 * surplus.memory_mib
    return {
        "requests.cpu": str(CORES + ceil(millicores / 1000)),
        "requests.memory": f"{GIBIBYTES + ceil(mebibytes / 1024)}Gi",
        "pods": str(PODS + nodes * NODE_PODS + 2 * surplus.replicas),
    }


def _priority() -> Json:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": PRIORITY},
        "value": 1000000000,  # the highest that is not reserved for Kubernetes itself
        "globalDefault": False,
        "description": "The platform's components: they go last when a node is short.",
    }


def _admission(asked: Request) -> list[Json]:
    """Pods outside the platform's namespaces may neither ask for its nodes, nor tolerate their taint, nor name their node;
    nobody but the cluster's own scheduler says on which node they run; and nobody puts work into the platform's namespaces.

    Where no nodes are the platform's own, people are only warned of the first two.
    """
    pods = _rule("", ["pods"], ["CREATE", "UPDATE"])
    bound = _rule("", ["pods/binding", "bindings"], ["CREATE"])
    actions = ["Deny" if asked.cluster.system_pool else "Warn", "Audit"]
    return [
        *_policy(POLICY, _where("NotIn", OURS, LANDSCAPES), [pods], _of_pods(), actions),
        *_policy(BINDINGS, _where("NotIn", OURS, LANDSCAPES), [bound], _of_bindings(), actions),
        *_premises(),
    ]


def _premises() -> list[Json]:
    """Nobody but the platform puts work into its namespaces, for there it may go to the platform's nodes.

    Whoever is a cluster's admin bears the platform's own name, so what counts is the field manager: this keeps people from
    mistakes, and nobody from malice who may delete this very policy.
    """
    rules = [
        _rule("", ["pods", "replicationcontrollers"], ["CREATE", "UPDATE"]),
        _rule("apps", ["deployments", "daemonsets", "statefulsets", "replicasets"], ["CREATE", "UPDATE"]),
        _rule("batch", ["jobs", "cronjobs"], ["CREATE", "UPDATE"]),
    ]
    who, how = "request.userInfo.username", "request.options"
    accounts = " || ".join(
        f"{who}.startsWith('system:serviceaccount:{name}:')" for name in ("kube-system", SYSTEM, DRIVERS)
    )
    trusted = (
        f"{who} == 'system:kube-controller-manager' || {accounts} || "
        f"(has({how}) && has({how}.fieldManager) && {how}.fieldManager == '{WRITER}')"
    )
    said = (
        "This namespace is the platform's own, and so is what runs here: put yours into a namespace of yours."
    )
    validations = [{"expression": trusted, "message": said, "reason": "Forbidden"}]
    return _policy(PREMISES, _where("In", OURS), rules, validations, ["Deny", "Audit"])


def _rule(group: str, resources: list[str], operations: list[str]) -> Json:
    return {"apiGroups": [group], "apiVersions": ["v1"], "resources": resources, "operations": operations}


def _where(operator: str, *names: tuple[str, ...]) -> Json:
    key = "kubernetes.io/metadata.name"
    values = [name for some in names for name in some]
    return {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}


def _policy(
    name: str, where: Json, rules: list[Json], validations: list[Json], actions: list[str]
) -> list[Json]:
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"namespaceSelector": where, "resourceRules": rules},
        "validations": validations,
    }
    binding = {"policyName": name, "validationActions": actions}
    return [
        {"apiVersion": _REGISTRATION, "kind": kind, "metadata": {"name": name}, "spec": body}
        for kind, body in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", binding))
    ]


def _of_pods() -> list[Json]:
    """A toleration without a key tolerates everything; those that DaemonSets' controller adds have keys of Kubernetes."""
    tolerates = (
        "!has(object.spec.tolerations) || object.spec.tolerations.all(t, "
        f"has(t.key) && t.key != '' && t.key != '{SYSTEM_NODES}')"
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


def _of_bindings() -> list[Json]:
    """A binding heeds no taint, and a policy can't look at the node: so only schedulers of the landscape may bind.

    kubeadm's is a user of that name, Gardener's a service account in kube-system (`pkg/component/kubernetes/scheduler`).
    """
    who = "request.userInfo.username"
    said = (
        "Only the cluster's own scheduler places pods: leave the node to it, by a node selector or affinity."
    )
    trusted = f"{who} == 'system:kube-scheduler' || {who}.startsWith('system:serviceaccount:kube-system:')"
    return [{"expression": trusted, "message": said, "reason": "Forbidden"}]


def _render(asked: Request) -> list[Json]:
    return [
        namespace(SYSTEM, security="restricted"),
        namespace(ACCESS, security="restricted"),
        _priority(),
        *bounds(SYSTEM, quota(asked.cluster.most_nodes, asked.cluster.surplus)),
        *bounds(ACCESS, {"pods": "0"}, closed=True),  # service accounts only
        *_admission(asked),
    ]


module = Module(
    key="isolation",
    owner="platform-security",
    implementations={"native": Implementation("Kubernetes' own policies", _render)},
    health=("Namespace",),
    mandatory=True,
)
