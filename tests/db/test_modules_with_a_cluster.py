"""The life of modules with the real flows, driver and a simulated cluster: they come, and go only once people's objects have."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client, config

from controlplane.kernel.errors import Refused
from provisioner.lifecycle.modules import add_module, remove_module
from provisioner.modules.models import RuntimeModule
from provisioner.runtimes.models import Runtime
from tests.db.test_granting_access import fulfil
from tests.engine_stack import eventually
from tests.plugins.simulator import Simulator
from tests.world import World, landscape, order

pytestmark = pytest.mark.django_db
KIND: dict[str, Any] = {
    "group": "modules.nesoi.dev",
    "version": "v1",
    "plural": "subscriptions",
    "namespace": "default",
}


def states(runtime: Runtime) -> dict[str, tuple[str, str]]:
    rows = RuntimeModule.objects.filter(runtime=runtime)
    return {row.key: (row.state, row.health) for row in rows}


def assert_apart(core: Any) -> None:
    """The platform's pods stand on the platform's nodes, and nothing of a tenant's can."""
    nodes = {node.metadata.name: node for node in core.list_node().items}
    system = {name for name, node in nodes.items() if node.metadata.labels.get("nesoi.dev/system") == "true"}
    assert len(system) == 2
    assert len(nodes) == 5
    for name in system:
        assert [(one.key, one.effect) for one in nodes[name].spec.taints] == [
            ("nesoi.dev/system", "NoSchedule")
        ]
    ours = core.list_namespaced_pod("nesoi-system").items
    assert len(ours) >= 3
    assert {pod.spec.node_name for pod in ours} <= system
    landscapes = core.list_namespaced_pod("kube-system").items
    assert {pod.spec.node_name for pod in landscapes if pod.metadata.name.startswith("coredns")} <= system
    assert {pod.spec.node_name for pod in landscapes if pod.metadata.name.startswith("kube-proxy")} == set(
        nodes
    )
    custom = {"metadata": {"name": "shop"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    core.create_namespaced_pod("default", custom)
    eventually(lambda: bool(core.read_namespaced_pod("shop", "default").spec.node_name))
    assert core.read_namespaced_pod("shop", "default").spec.node_name in set(nodes) - system


def test_modules_come_with_a_runtime_and_go_only_once_peoples_objects_have(
    world: World, simulator: Simulator
) -> None:
    landscape("modular", kubeconfig=simulator.kubeconfig)
    operation = order(world)
    runtime: Runtime = operation.runtime
    fulfil(operation)
    well = ("installed", "healthy")
    assert states(runtime) == dict.fromkeys(("isolation", "service-mesh", "api-gateway"), well)
    who: dict[str, Any] = {"actor": world.alice.actor, "runtime_id": runtime.pk, "module": "eventing"}
    _, update = add_module(**who, settings={"retentionHours": 2})
    assert update is not None
    fulfil(update)
    assert states(runtime)["eventing"] == well
    kubeconfig = str(simulator.kubeconfig_of(runtime.cluster_name))
    with config.new_client_from_config(kubeconfig) as api:  # type: ignore[no-untyped-call]
        assert_apart(client.CoreV1Api(api))
        custom = client.CustomObjectsApi(api)
        own: Any = custom.get_cluster_custom_object("modules.nesoi.dev", "v1", "eventings", "default")
        assert own["spec"] == {"retentionHours": 2, "highAvailability": False}
        theirs = {
            "apiVersion": "modules.nesoi.dev/v1",
            "kind": "Subscription",
            "metadata": {"name": "orders"},
        }
        custom.create_namespaced_custom_object(**KIND, body=theirs)
        with pytest.raises(Refused, match=r"1 Subscription \(default/orders\)") as refused:
            remove_module(**who)
        assert refused.value.code == "module_in_use"
        custom.delete_namespaced_custom_object(**KIND, name="orders")
    _, update = remove_module(**who)
    assert update is not None
    fulfil(update)
    assert "eventing" not in states(runtime)
    simulator.delete_shoot(runtime.cluster_name)
