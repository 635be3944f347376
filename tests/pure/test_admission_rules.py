"""What the policies of the module isolation let in: their CEL is evaluated, on what a cluster's API server would ask of them."""

from __future__ import annotations

from typing import Any

import celpy
import pytest
from celpy.adapter import json_to_cel

from provisioner.drivers.shoots.ownership import MANAGER
from provisioner.modules.base import ClusterFacts, Request
from provisioner.modules.catalogue import isolation
from provisioner.modules.objects import LANDSCAPES, OURS, PRIORITY, SYSTEM_NODES, WRITER
from provisioner.runtimes.inside import Json

FACTS = ClusterFacts("isle", "aws", "eu-central-1", "1.34.2", system_pool=True)
TAINT = {"key": SYSTEM_NODES, "operator": "Exists", "effect": "NoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}
SCHEDULERS = ("system:kube-scheduler", "system:serviceaccount:kube-system:kube-scheduler")


def objects(facts: ClusterFacts = FACTS) -> dict[tuple[str, str], Json]:
    asked = Request("isolation", "native", "1.4.2", {}, facts)
    made = isolation.module.implementations["native"].render(asked)
    return {(one["kind"], one["metadata"]["name"]): one for one in made}


def lets_in(
    policy: str, document: Json, *, operation: str = "CREATE", user: str = "alice", manager: str = "kubectl"
) -> bool:
    """Whether every validation of a policy holds."""
    environment = celpy.Environment()
    asked = {
        "operation": operation,
        "userInfo": {"username": user, "groups": ["system:authenticated"]},
        "options": {"kind": "PatchOptions", **({"fieldManager": manager} if manager else {})},
    }
    given = {"object": json_to_cel(document), "request": json_to_cel(asked)}
    return all(
        bool(environment.program(environment.compile(one["expression"])).evaluate(given))
        for one in objects()["ValidatingAdmissionPolicy", policy]["spec"]["validations"]
    )


def pod(**spec: Any) -> Json:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "operation", "expected"),
    [
        ({}, "CREATE", True),
        ({"tolerations": []}, "CREATE", True),
        ({"tolerations": [NOT_READY]}, "CREATE", True),
        ({"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "shop"}]}, "CREATE", True),
        ({"tolerations": [TAINT]}, "CREATE", False),
        ({"tolerations": [NOT_READY, TAINT]}, "CREATE", False),
        ({"tolerations": [NOT_READY, TAINT]}, "UPDATE", False),
        ({"tolerations": [{"operator": "Exists"}]}, "CREATE", False),
        ({"tolerations": [{"key": "", "operator": "Exists"}]}, "CREATE", False),
        ({"nodeSelector": {"kubernetes.io/arch": "arm64"}}, "CREATE", True),
        ({"nodeSelector": {SYSTEM_NODES: "true"}}, "CREATE", False),
        ({"nodeSelector": {SYSTEM_NODES: "false"}}, "CREATE", False),
        ({"nodeName": "node-1"}, "CREATE", False),
        ({"nodeName": "node-1"}, "UPDATE", True),
        ({"priorityClassName": "shop-first"}, "CREATE", True),
        ({"priorityClassName": PRIORITY}, "CREATE", False),
    ],
)
def test_a_pod_of_a_tenants_comes_near_no_system_node(spec: Json, operation: str, expected: bool) -> None:
    assert lets_in(isolation.POLICY, pod(**spec), operation=operation) is expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        *((user, True) for user in SCHEDULERS),
        ("alice", False),
        ("kubernetes-admin", False),
        ("system:serviceaccount:shop:kube-scheduler", False),
        ("system:serviceaccount:kube-system-2:kube-scheduler", False),
        ("x system:kube-scheduler", False),
        ("system:serviceaccount:nesoi-access:ci", False),
    ],
)
def test_only_the_clusters_own_scheduler_says_on_which_node_a_pod_runs(user: str, expected: bool) -> None:
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "system-1"},
    }
    assert lets_in(isolation.BINDINGS, binding, user=user) is expected


@pytest.mark.parametrize(
    ("user", "manager", "expected"),
    [
        ("kubernetes-admin", "nesoi", True),
        ("kubernetes-admin", "kubectl", False),
        ("kubernetes-admin", "nesoi-2", False),
        ("kubernetes-admin", "", False),
        ("system:kube-controller-manager", "kube-controller-manager", True),
        ("system:serviceaccount:kube-system:replicaset-controller", "kube-controller-manager", True),
        ("system:serviceaccount:nesoi-system:operator", "operator", True),
        ("system:serviceaccount:nesoi-drivers:gpu", "operator", True),
        ("system:serviceaccount:nesoi-access:ci", "kubectl", False),
        ("system:serviceaccount:shop:ci", "helm", False),
    ],
)
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_nobody_but_the_platform_puts_work_into_its_namespaces(
    user: str, manager: str, expected: bool, operation: str
) -> None:
    assert lets_in(isolation.PREMISES, pod(), operation=operation, user=user, manager=manager) is expected


def test_whatever_makes_pods_is_kept_out_of_the_platforms_namespaces_in_every_cluster() -> None:
    assert WRITER == MANAGER, "the drivers' field manager"
    for facts in (FACTS, ClusterFacts("isle", "aws", "eu-central-1", "1.34.2")):
        made = objects(facts)
        match = made["ValidatingAdmissionPolicy", isolation.PREMISES]["spec"]["matchConstraints"]
        where = match["namespaceSelector"]["matchExpressions"]
        assert [(one["operator"], one["values"]) for one in where] == [("In", [*OURS])]
        kinds = {
            (group, one)
            for rule in match["resourceRules"]
            for group in rule["apiGroups"]
            for one in rule["resources"]
        }
        assert kinds == {
            ("", "pods"), ("", "replicationcontrollers"), ("apps", "deployments"), ("apps", "daemonsets"),
            ("apps", "statefulsets"), ("apps", "replicasets"), ("batch", "jobs"), ("batch", "cronjobs"),
        }  # fmt: skip
        binding = made["ValidatingAdmissionPolicyBinding", isolation.PREMISES]["spec"]
        assert binding["validationActions"] == ["Deny", "Audit"]


def test_the_policies_hold_everywhere_but_where_the_platform_and_its_landscape_are() -> None:
    made = objects()
    seen: set[str] = set()
    for name in (isolation.POLICY, isolation.BINDINGS):
        policy, binding = (
            made[kind, name]["spec"]
            for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
        )
        where = policy["matchConstraints"]["namespaceSelector"]["matchExpressions"]
        assert [(one["operator"], one["values"]) for one in where] == [("NotIn", [*OURS, *LANDSCAPES])]
        seen |= {
            resource for rule in policy["matchConstraints"]["resourceRules"] for resource in rule["resources"]
        }
        assert (binding["policyName"], binding["validationActions"], policy["failurePolicy"]) == (
            name,
            ["Deny", "Audit"],
            "Fail",
        )
    assert seen == {"pods", "pods/binding", "bindings"}, "each way on which a pod comes to a node"


def test_without_nodes_of_the_platforms_own_nobody_is_refused() -> None:
    made = objects(ClusterFacts("isle", "aws", "eu-central-1", "1.34.2"))
    actions = {
        name: one["spec"]["validationActions"]
        for (kind, name), one in made.items()
        if kind.endswith("PolicyBinding")
    }
    assert [actions[name] for name in (isolation.POLICY, isolation.BINDINGS)] == [["Warn", "Audit"]] * 2
