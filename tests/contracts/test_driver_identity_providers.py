"""A cluster's identity providers leave nothing behind, and touch nothing that is somebody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provisioner.drivers.base import Situation
from provisioner.runtimes.spec import ClusterSpec
from tests.contracts.drivers import Ground, later, ref
from tests.plugins.simulator import Simulator

CONFIG_MAPS = "/api/v1/namespaces/garden-nesoi/configmaps"
ISSUER = {"issuerURL": "https://id.example.org", "clientID": "nesoi", "usernameClaim": "sub"}


@pytest.fixture
def landscape(ground: Ground) -> Simulator:
    return ground.trouble()


def kept(landscape: Simulator, cluster: ClusterSpec) -> list[str]:
    listed = landscape.call("GET", CONFIG_MAPS)["items"]
    return [each["metadata"]["name"] for each in listed if each["metadata"]["name"].startswith(cluster.name)]


def referred(landscape: Simulator, cluster: ClusterSpec) -> str:
    server: dict[str, Any] = landscape.shoot(cluster.name)["spec"]["kubernetes"]["kubeAPIServer"]
    return str(server["structuredAuthentication"]["configMapName"])


def test_a_changed_provider_leaves_only_what_the_cluster_refers_to(
    ground: Ground, landscape: Simulator
) -> None:
    cluster = ground.wish(oidc=(ISSUER,))
    ground.ready(cluster)
    first = referred(landscape, cluster)
    changed = later(cluster, oidc=({**ISSUER, "clientID": "another"},))
    ground.driver.ensure(changed)
    assert referred(landscape, cluster) != first
    assert kept(landscape, cluster) == [referred(landscape, cluster)]


def test_the_last_provider_leaves_nothing(ground: Ground, landscape: Simulator) -> None:
    cluster = ground.wish(oidc=(ISSUER,))
    ground.ready(cluster)
    ground.driver.ensure(later(cluster, oidc=()))
    assert kept(landscape, cluster) == []


def test_what_a_process_that_died_left_goes_with_the_next_wish(ground: Ground, landscape: Simulator) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    labels = {"nesoi.dev/cluster": cluster.name, **cluster.labels}
    left = {"metadata": {"name": f"{cluster.name}-oidc-0", "labels": labels}, "data": {}}
    landscape.call("POST", CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", **left})
    ground.driver.ensure(later(cluster, hibernated=True))
    assert kept(landscape, cluster) == []


def test_removing_a_cluster_that_is_somebody_elses_leaves_their_provider(
    ground: Ground, landscape: Simulator
) -> None:
    theirs = ground.wish(oidc=(ISSUER,))
    ground.ready(theirs)
    name = referred(landscape, theirs)
    ours = replace(theirs, labels={**theirs.labels, "nesoi.dev/runtime": "another"})
    assert ground.driver.ensure_absent(ref(ours)).situation is Situation.ABSENT
    assert kept(landscape, theirs) == [name]
    ground.remove(theirs)
    assert kept(landscape, theirs) == []
