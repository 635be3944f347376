"""The grounds on which every driver must keep the contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controlplane.kernel.errors import Fatal, Retry
from controlplane.kernel.plugins import load
from provisioner.drivers.base import LandscapeAccess
from tests.contracts.apiserver import HOW, ApiServer, programs
from tests.contracts.drivers import Ground
from tests.plugins.simulator import Simulator


@pytest.fixture(scope="session")
def apiserver() -> Iterator[ApiServer]:
    """A real kube-apiserver, where its programs are at hand."""
    found = programs()
    if found is None:
        pytest.skip(HOW)
    with tempfile.TemporaryDirectory(prefix="nesoi-apiserver-") as folder:
        server = ApiServer(found, Path(folder))
        try:
            yield server.start()
        finally:
            server.stop()


def simulated_gardener(request: pytest.FixtureRequest) -> Ground:
    simulator: Simulator = request.getfixturevalue("simulator")
    access = LandscapeAccess("contract", {"namespace": "garden-nesoi"}, str(simulator.kubeconfig))
    return Ground("gardener", access, simulator)


def gardener_on_kubernetes(request: pytest.FixtureRequest) -> Ground:
    server: ApiServer = request.getfixturevalue("apiserver")
    return Ground("gardener", LandscapeAccess("real", {"namespace": "garden-nesoi"}, str(server.kubeconfig)))


GROUNDS = {
    "gardener": [simulated_gardener, gardener_on_kubernetes],
}
# A driver without a ground fails its tests: none goes untested.
EVERY = [
    pytest.param(make, id=make.__name__)
    for kind in sorted(load("provisioner.drivers", "connect"))
    for make in GROUNDS[kind]
]


@pytest.fixture(params=EVERY)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Each driver in each landscape that it knows."""
    found: Ground = request.param(request)
    yield found
    for cluster in found.made:
        with suppress(Retry, Fatal):
            found.remove(cluster)
