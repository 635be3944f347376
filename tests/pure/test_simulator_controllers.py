"""How the simulator's controllers follow what changes inside clusters."""

from __future__ import annotations

import asyncio
from typing import Any

from provisioner.simulator.cluster.admission import STRATEGIES
from provisioner.simulator.cluster.controllers import WATCHED, Controllers
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.kinds import RUNTIME_KINDS
from provisioner.simulator.settings import Settings
from provisioner.simulator.store import Store

Json = dict[str, Any]
DEPLOYMENTS, PODS = ("apps", "deployments"), ("", "pods")


def a_cluster(controllers: Controllers) -> Endpoint:
    endpoint = Endpoint("ns/one", "uid", "1.34.1", Store(None), RUNTIME_KINDS, STRATEGIES)
    size = {"cpu": "2000m", "memory": "4Gi", "pods": "110"}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n"},
        "spec": {},
        "status": {"allocatable": size},
    }
    endpoint.create(("", "nodes"), node, stored=False)
    endpoint.listener = controllers.notice
    return endpoint


def a_deployment(name: str, replicas: int = 2) -> Json:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod},
    }


def available(endpoint: Endpoint, name: str) -> int:
    found = {one["metadata"]["name"]: one for one in endpoint.collection(*DEPLOYMENTS).documents()}
    return int((found[name].get("status") or {}).get("availableReplicas", 0))


def test_a_deployment_is_placed_in_one_look_and_available_in_the_one_that_starts_its_pods() -> None:
    async def story() -> None:
        controllers = Controllers(Settings())
        endpoint = a_cluster(controllers)
        endpoint.create(DEPLOYMENTS, a_deployment("web"))
        controllers._reconcile(endpoint)
        placed = endpoint.collection(*PODS).documents()
        assert [pod["spec"].get("nodeName") for pod in placed] == ["n", "n"]
        assert len(endpoint.pods_due) == len(placed)
        endpoint.pods_due.update(dict.fromkeys(endpoint.pods_due, 0.0))
        controllers._reconcile(endpoint)
        assert available(endpoint, "web") == len(placed)
        assert not endpoint.touched
        assert not endpoint.pods_due

    asyncio.run(story())


def test_a_look_at_a_cluster_where_nothing_changed_reads_nothing() -> None:
    async def story() -> None:
        controllers = Controllers(Settings())
        endpoint = a_cluster(controllers)
        endpoint.create(DEPLOYMENTS, a_deployment("web"))
        controllers._reconcile(endpoint)
        for collection in endpoint.collections.values():
            collection.documents = collection.scan = None  # type: ignore[assignment,method-assign]
        endpoint.pods_due.clear()
        controllers._reconcile(endpoint)

    asyncio.run(story())


def test_a_cluster_that_was_forgotten_and_woken_is_looked_at_on_its_own_account() -> None:
    """Both have the same identity, and the forgotten one is still due when the new one is."""

    async def story() -> None:
        controllers = Controllers(Settings(speed=100))
        run = asyncio.create_task(controllers.run())
        old, new = a_cluster(controllers), a_cluster(controllers)
        for endpoint in (old, new):
            endpoint.create(DEPLOYMENTS, a_deployment("web"))
            controllers.poke(endpoint, touched=WATCHED)
        for _ in range(100):
            if available(old, "web") == available(new, "web") == 2:
                break
            await asyncio.sleep(0.02)
        run.cancel()
        assert [available(endpoint, "web") for endpoint in (old, new)] == [2, 2]

    asyncio.run(story())
