"""The grounds on which every driver must keep the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from controlplane.kernel.errors import Fatal, Retry
from controlplane.kernel.plugins import load
from provisioner.drivers.base import LandscapeAccess
from tests.contracts.drivers import Ground
from tests.plugins.simulator import Simulator

GROUNDS = sorted(load("provisioner.drivers", "connect"))


@pytest.fixture(params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Each driver in a landscape that it knows."""
    found = GROUND_OF[request.param](request)
    yield found
    for cluster in found.made:
        with suppress(Retry, Fatal):
            found.remove(cluster)


def gardener(request: pytest.FixtureRequest) -> Ground:
    simulator: Simulator = request.getfixturevalue("simulator")
    access = LandscapeAccess("contract", {"namespace": "garden-nesoi"}, str(simulator.kubeconfig))
    return Ground("gardener", access, simulator)


# A driver without a ground here fails: no driver goes untested.
GROUND_OF = {"gardener": gardener}
