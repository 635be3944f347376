"""In a simulated cluster that its apps fill, the platform's modules still find their place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from provisioner.simulator.cluster import pods
from provisioner.simulator.cluster.inhabited.objects import PODS
from provisioner.simulator.cluster.inhabited.settling import settle
from provisioner.simulator.cluster.pods import Clock
from provisioner.simulator.cluster.preemption import is_inhabitant, staying
from provisioner.simulator.cluster.scheduler import rooms
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.kinds import RUNTIME_KINDS
from provisioner.simulator.store import Store

Json = dict[str, Any]
HOSTS = ("one", "two")


def a_node(name: str) -> Json:
    size = {"cpu": "1000m", "memory": "4Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {},
        "status": {"allocatable": size},
    }


def a_pod(name: str, cpu: str, *, host: str = "", priority: str = "", **labels: str) -> Json:
    spec: Json = {"containers": [{"name": "a", "image": "a", "resources": {"requests": {"cpu": cpu}}}]}
    spec |= {"nodeName": host} if host else {}
    spec |= {"priorityClassName": priority} if priority else {}
    metadata = {"name": name, "namespace": "apps", "uid": name, "labels": labels}
    status: Json = {"phase": "Running" if host else "Pending", "conditions": []}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def apps() -> list[tuple[tuple[str, str], Json]]:
    """Two on each node, which leave a tenth of it free."""
    return [
        (PODS, a_pod(f"app-{host}-{n}", "450m", host=host, origin="inhabitant"))
        for n in (0, 1)
        for host in HOSTS
    ]


@pytest.fixture
def full() -> Endpoint:
    """A cluster of two nodes, filled by apps."""
    endpoint = Endpoint("ns/full", "uid", "1.34.1", Store(None), RUNTIME_KINDS, {})
    for host in HOSTS:
        endpoint.collection("", "nodes").put(a_node(host), stored=False)
    settle(endpoint, staying(endpoint, apps()))
    return endpoint


def names(endpoint: Endpoint) -> set[str]:
    return {entry.name for entry in endpoint.collection(*PODS).scan()}


def reconcile(endpoint: Endpoint) -> None:
    asyncio.run(_reconcile(endpoint))


async def _reconcile(endpoint: Endpoint) -> None:
    pods.reconcile(endpoint, Clock())


def host_of(endpoint: Endpoint, name: str) -> str:
    found = {pod["metadata"]["name"]: pod for pod in endpoint.collection(*PODS).documents()}
    return str(found[name]["spec"].get("nodeName", ""))


def test_a_pod_of_the_platform_takes_the_place_of_as_few_apps_as_it_needs(full: Endpoint) -> None:
    full.create(PODS, a_pod("mesh", "200m", priority="nesoi-platform"))
    reconcile(full)
    assert host_of(full, "mesh") == "one"
    assert {name for name in names(full) if name.startswith("app")} == {"app-one-0", "app-two-0", "app-two-1"}


def test_apps_that_made_room_do_not_come_back_into_it(full: Endpoint) -> None:
    full.create(PODS, a_pod("mesh", "200m", priority="nesoi-platform"))
    reconcile(full)
    before = names(full)
    settle(full, staying(full, apps()))
    assert names(full) == before
    assert all(
        room.free["cpu"] >= 0
        for room in rooms(full.collection("", "nodes").documents(), full.collection(*PODS).documents())
    )


def test_several_pods_of_the_platform_find_room_in_one_go(full: Endpoint) -> None:
    for number in range(4):
        full.create(PODS, a_pod(f"module-{number}", "200m", priority="nesoi-platform"))
    reconcile(full)
    assert all(host_of(full, f"module-{number}") for number in range(4))
    left = rooms(full.collection("", "nodes").documents(), full.collection(*PODS).documents())
    assert all(room.free["cpu"] > -1e-9 for room in left)


def test_a_pod_without_a_priority_waits(full: Endpoint) -> None:
    full.create(PODS, a_pod("late", "200m"))
    reconcile(full)
    assert host_of(full, "late") == ""
    assert len([pod for pod in full.collection(*PODS).documents() if is_inhabitant(pod)]) == 2 * len(HOSTS)


def test_a_pod_that_no_node_could_ever_take_moves_nobody(full: Endpoint) -> None:
    full.create(PODS, a_pod("huge", "1500m", priority="nesoi-platform"))
    reconcile(full)
    assert host_of(full, "huge") == ""
    assert len(names(full)) == 2 * len(HOSTS) + 1
