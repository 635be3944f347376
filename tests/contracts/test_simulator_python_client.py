"""The official Python client works against the garden and against a runtime's own API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.plugins.simulator import Simulator, a_shoot

# As Any: the client ships half of its types.
client: Any = import_module("kubernetes.client")
config: Any = import_module("kubernetes.config")
dynamic: Any = import_module("kubernetes.dynamic")
watch: Any = import_module("kubernetes.watch")

PATH = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-nesoi/shoots"
GROUP = ("core.gardener.cloud", "v1beta1", "garden-nesoi", "shoots")


@pytest.fixture
def shoots(simulator: Simulator) -> Iterator[Any]:
    with config.new_client_from_config(str(simulator.kubeconfig)) as api:
        yield client.CustomObjectsApi(api)


def test_shoots_are_created_read_patched_and_listed(shoots: Any, simulator: Simulator) -> None:
    shoots.create_namespaced_custom_object(*GROUP, a_shoot("py1"))
    simulator.wait_for("py1")
    patched = shoots.patch_namespaced_custom_object(
        *GROUP, "py1", {"metadata": {"labels": {"made": "by-py"}}}
    )
    assert patched["metadata"]["labels"]["made"] == "by-py"
    listed = shoots.list_namespaced_custom_object(*GROUP, label_selector="made=by-py")
    assert [each["metadata"]["name"] for each in listed["items"]] == ["py1"]


def test_a_watch_sees_a_shoot_from_creation_to_success(shoots: Any, simulator: Simulator) -> None:
    version = shoots.list_namespaced_custom_object(*GROUP)["metadata"]["resourceVersion"]
    threading.Timer(0.2, lambda: simulator.call("POST", PATH, a_shoot("py2"))).start()
    seen: list[Any] = []
    stream = watch.Watch()
    for event in stream.stream(
        shoots.list_namespaced_custom_object,
        *GROUP,
        resource_version=version,
        timeout_seconds=20,
        field_selector="metadata.name=py2",
    ):
        seen.append((event["type"], event["object"].get("status", {}).get("lastOperation", {}).get("state")))
        if seen[-1][1] == "Succeeded":
            stream.stop()
    assert seen[0] == ("ADDED", None)
    assert seen[-1] == ("MODIFIED", "Succeeded")


def test_the_dynamic_client_discovers_and_applies(simulator: Simulator) -> None:
    with config.new_client_from_config(str(simulator.kubeconfig)) as api:
        found = dynamic.DynamicClient(api).resources.get(
            api_version="core.gardener.cloud/v1beta1", kind="Shoot"
        )
        applied = found.server_side_apply(body=a_shoot("py3"), field_manager="py", force_conflicts=True)
    assert applied.metadata.managedFields[0].manager == "py"
    simulator.wait_for("py3")


def test_a_runtime_answers_the_typed_client(simulator: Simulator) -> None:
    simulator.create_shoot("py4")
    with config.new_client_from_config(str(simulator.kubeconfig_of("py4"))) as api:
        core = client.CoreV1Api(api)
        node = core.list_node().items[0]
        assert node.metadata.labels["worker.gardener.cloud/pool"] == "main"
        assert {each.type: each.status for each in node.status.conditions}["Ready"] == "True"
        assert core.list_namespaced_pod(
            "kube-system", field_selector=f"spec.nodeName={node.metadata.name}"
        ).items
        core.create_namespaced_config_map("default", {"metadata": {"name": "c"}, "data": {"a": "b"}})
        assert core.read_namespaced_config_map("c", "default").data == {"a": "b"}
        usage = client.CustomObjectsApi(api).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
        assert usage["items"][0]["metadata"]["name"] == node.metadata.name
        assert usage["items"][0]["usage"]["cpu"].endswith("n")


def test_a_claim_is_bound_and_an_unfitting_pod_waits_with_a_reason(simulator: Simulator) -> None:
    simulator.create_shoot("py5")
    with config.new_client_from_config(str(simulator.kubeconfig_of("py5"))) as api:
        core = client.CoreV1Api(api)
        claim = {
            "metadata": {"name": "disk"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}},
        }
        core.create_namespaced_persistent_volume_claim("default", claim)
        big = {"name": "x", "image": "x", "resources": {"requests": {"cpu": "64"}}}
        core.create_namespaced_pod("default", {"metadata": {"name": "big"}, "spec": {"containers": [big]}})
        for event in watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=10):
            reasons = [each.message for each in event["object"].status.conditions or []]
            if reasons:
                break
        assert reasons == ["0/1 nodes are available: 1 Insufficient cpu."]
        assert core.read_namespaced_persistent_volume_claim("disk", "default").status.phase == "Bound"
