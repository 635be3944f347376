"""The real kubectl works against the garden and against a runtime's own API."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.simulator import Simulator, a_shoot

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

Kubectl = Callable[..., str]
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1", resources: {requests: {cpu: 10m}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
"""
KIND = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pots.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: pots, kind: Pot, shortNames: [pt]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns: [{name: Colour, type: string, jsonPath: .spec.colour}]
"""


def runner(kubeconfig: Path) -> Kubectl:
    """Return a kubectl for one kubeconfig; it raises when the command fails, unless `fails`."""

    def run(*words: str, given: str | None = None, fails: bool = False) -> str:
        command = [
            "kubectl",
            "--kubeconfig",
            str(kubeconfig),
            "--cache-dir",
            str(kubeconfig.parent / "cache"),
            *words,
        ]
        done = subprocess.run(command, check=False, input=given, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    return run


@pytest.fixture(scope="module")
def garden(simulator: Simulator) -> Kubectl:
    return runner(simulator.kubeconfig)


@pytest.fixture(scope="module")
def inside(simulator: Simulator) -> Kubectl:
    simulator.create_shoot("kube")
    return runner(simulator.kubeconfig_of("kube"))


def test_a_shoot_is_applied_waited_for_printed_and_deleted(garden: Kubectl, simulator: Simulator) -> None:
    shoot = json.dumps(a_shoot("kc"))
    assert "created" in garden("apply", "-f", "-", given=shoot)
    garden("wait", "shoot/kc", "--for=jsonpath={.status.lastOperation.state}=Succeeded", "--timeout=20s")
    generation = simulator.shoot("kc")["metadata"]["generation"]
    garden("apply", "-f", "-", given=shoot)
    assert simulator.shoot("kc")["metadata"]["generation"] == generation
    line = garden("get", "shoots", "kc", "--no-headers").split()
    assert line[:5] == ["kc", "aws", "aws", "eu-central-1", "1.34.8"]
    assert "healthy" in line
    assert "Last Operation" in garden("describe", "shoot", "kc")
    assert "is forbidden" in garden("delete", "shoot", "kc", fails=True)
    garden("annotate", "shoot", "kc", "confirmation.gardener.cloud/deletion=true")
    garden("delete", "shoot", "kc", "--timeout=20s")


def test_discovery_lists_the_kinds_of_the_garden(garden: Kubectl) -> None:
    names = garden("api-resources", "-o", "name").split()
    assert {"shoots.core.gardener.cloud", "credentialsbindings.security.gardener.cloud", "secrets"} <= set(
        names
    )


def test_a_deployment_becomes_available(inside: Kubectl) -> None:
    inside("apply", "-f", "-", given=WEB)
    inside("rollout", "status", "deployment/web", "--timeout=20s")
    assert inside("get", "deployment", "web", "--no-headers").split()[1] == "2/2"
    inside("wait", "service/web", "--for=jsonpath={.status.loadBalancer.ingress}", "--timeout=10s")


def test_both_kinds_of_apply_follow_each_other(inside: Kubectl) -> None:
    inside("apply", "-f", "-", given=WEB)
    assert "serverside-applied" in inside("apply", "--server-side", "-f", "-", given=WEB)
    changed = WEB.replace("nginx:1", "nginx:2").replace(
        "{app: web}}\n    spec", "{app: web, new: label}}\n    spec"
    )
    inside("apply", "--server-side", "-f", "-", given=changed)
    inside("rollout", "status", "deployment/web", "--timeout=20s")
    assert inside("get", "deployment", "web", "-o", "jsonpath={..image}") == "nginx:2"
    inside("apply", "-f", "-", given=WEB, fails=False)


def test_label_patch_scale_and_cascade(inside: Kubectl) -> None:
    inside("apply", "-f", "-", given=WEB)
    inside("label", "deployment", "web", "tier=front")
    inside(
        "patch",
        "deployment",
        "web",
        "-p",
        '{"spec":{"template":{"spec":{"containers":[{"name":"web","tty":true}]}}}}',
    )
    assert inside("get", "deployment", "web", "-o", "jsonpath={..containers[0].image}").startswith("nginx")
    inside("scale", "deployment", "web", "--replicas=1")
    inside("rollout", "status", "deployment/web", "--timeout=20s")
    inside("delete", "deployment", "web", "--timeout=20s")
    inside("wait", "pod", "-l", "app=web", "--for=delete", "--timeout=10s")


def test_a_custom_kind_is_served_as_soon_as_it_is_defined(inside: Kubectl) -> None:
    inside("apply", "-f", "-", given=KIND)
    inside("wait", "crd/pots.example.com", "--for=condition=Established", "--timeout=10s")
    pot = '{"apiVersion": "example.com/v1", "kind": "Pot", "metadata": {"name": "a"}, "spec": {"colour": "blue"}}'
    inside("apply", "--server-side", "-f", "-", given=pot)
    assert inside("get", "pots", "--no-headers").split() == ["a", "blue"]
    inside("delete", "crd", "pots.example.com", "--timeout=10s")
    assert "pots.example.com" not in inside("api-resources", "-o", "name")


def test_nodes_have_what_the_pool_says_and_use_what_is_measured(inside: Kubectl) -> None:
    line = inside("get", "nodes", "-L", "topology.kubernetes.io/zone", "--no-headers").split()
    assert line[1] == "Ready"
    assert line[4:] == ["v1.34.8", "eu-central-1a"]
    assert inside("top", "nodes", "--no-headers").split()[0] == line[0]
    assert "m6i.large" in inside("describe", "nodes")


def test_kubectls_own_generators_are_understood_although_they_send_protobuf(inside: Kubectl) -> None:
    inside("create", "deployment", "made", "--image=nginx", "--replicas=2", "--port=80")
    inside("rollout", "status", "deployment/made", "--timeout=20s")
    inside("create", "secret", "generic", "made", "--from-literal=word=open")
    assert inside("get", "secret", "made", "-o", "jsonpath={.data.word}") == "b3Blbg=="
    assert inside("auth", "can-i", "delete", "nodes").strip() == "yes"
    who = inside("auth", "whoami")
    assert "system:masters" in who
    assert "nesoi:admin" in who
    assert "Scheduled" in inside("get", "events")


def test_a_drained_node_gets_its_system_pods_back(inside: Kubectl) -> None:
    node = inside("get", "nodes", "-o", "name").split()[0]
    before = len(inside("get", "pods", "-n", "kube-system", "-o", "name").split())
    inside("drain", node, "--force", "--delete-emptydir-data", "--timeout=20s")
    assert "SchedulingDisabled" in inside("get", node)
    inside("uncordon", node)
    deadline = time.monotonic() + 10
    while len(inside("get", "pods", "-n", "kube-system", "-o", "name").split()) < before:
        assert time.monotonic() < deadline


def test_a_namespace_takes_its_content_with_it(inside: Kubectl) -> None:
    space = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gone"}}'
    content = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "gone"}}'
    inside("create", "-f", "-", given=space)
    inside("create", "-f", "-", given=content)
    inside("delete", "namespace", "gone", "--timeout=10s")
    assert "not found" in inside("get", "configmap", "x", "-n", "gone", fails=True)


def test_a_viewer_reads_but_does_not_write_and_sees_no_secret(inside: Kubectl, simulator: Simulator) -> None:
    viewer = runner(simulator.kubeconfig_of("kube", "viewer"))
    assert viewer("get", "nodes", "--no-headers")
    assert 'cannot patch resource "nodes"' in viewer("label", "nodes", "--all", "a=b", fails=True)
    assert "Forbidden" in viewer("get", "secrets", fails=True)
