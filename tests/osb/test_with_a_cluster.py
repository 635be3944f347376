"""The whole life of an instance with the real flows, driver and a simulated cluster: what a binding grants is real, and ends."""

from __future__ import annotations

import time
from typing import Any

import pytest

from controlplane.osb.models import OsbBinding
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from provisioner.operations import sweeping
from provisioner.operations.models import Operation
from tests import work
from tests.osb.asking import Platform, binding_path, read
from tests.plugins.simulator import Simulator
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db
PODS, NAMESPACES = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/nesoi-access/serviceaccounts"


@pytest.fixture(autouse=True)
def real_landscape(world: World, simulator: Simulator) -> None:
    Landscape.objects.filter(pk=world.landscape.pk).update(credentials_path=str(simulator.kubeconfig))


def poll(platform: Platform, accepted: Any, seconds: float = 30.0) -> int:
    """Work until the platform is told the end, sparing the waits; the answer is the last status."""
    assert accepted.status_code == 202, accepted.content
    operation = Operation.objects.get(pk=read(accepted)["operation"])
    deadline = time.monotonic() + seconds
    while True:
        told = platform.last(operation=str(operation.pk))
        if read(told)["state"] == "succeeded":
            return told.status_code
        assert read(told)["state"] == "in progress", told.content
        assert time.monotonic() < deadline, again(operation).reason
        work.wait_ends(again(operation))
        sweeping.sweep()
        work.worker(connect=connect).work(1.0)
        time.sleep(0.05)


def may(kubeconfig: str, path: str) -> int:
    """The status that the cluster's own API answers with."""
    api = KubeClient(parse_kubeconfig(kubeconfig), name="the cluster", timeout_seconds=10, landscape=False)
    try:
        api.call("GET", path)
    except ApiRefused as refused:
        return refused.status
    finally:
        api.close()
    return 200


def test_from_the_order_to_nothing_left(cf: Platform) -> None:
    assert poll(cf, cf.provision()) == 200
    assert cf.fetch().status_code == 200
    bound = cf.bind(parameters={"role": "view"})
    assert bound.status_code == 201, bound.content
    first = read(bound)["credentials"]["kubeconfig"]
    assert (may(first, PODS), may(first, NAMESPACES.replace("serviceaccounts", "secrets"))) == (200, 403)

    rotated = cf.ask(
        "PUT", binding_path("next"), {"predecessor_binding_id": OsbBinding.objects.get().binding_id}
    )
    second = read(rotated)["credentials"]["kubeconfig"]
    assert (may(first, PODS), may(second, PODS)) == (200, 200)
    assert cf.unbind().status_code == 200
    assert (may(first, PODS), may(second, PODS)) == (401, 200)

    assert poll(cf, cf.update(parameters={"autoScalerMax": 5})) == 200
    assert poll(cf, cf.deprovision()) == 200
    assert cf.deprovision().status_code == 410


def test_a_delete_while_it_is_built_leaves_nothing(cf: Platform, simulator: Simulator) -> None:
    cf.provision()
    work.worker(connect=connect).work(0.3)
    assert poll(cf, cf.deprovision()) == 200
    name = Operation.objects.latest("id").runtime.cluster_name
    assert name not in str(
        simulator.call("GET", "/apis/core.gardener.cloud/v1beta1/namespaces/garden-nesoi/shoots")
    )
