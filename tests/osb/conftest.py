"""What the tests of the broker share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.lifecycle import kubeconfig
from tests.osb.asking import Platform
from tests.world import World


@dataclass
class Cluster:
    """A driver that remembers which service accounts stand in the cluster."""

    granted: dict[str, Role] = field(default_factory=dict)
    tokens: int = 0
    asked: timedelta = timedelta()
    fault: Exception | None = None

    def grant(self, cluster: ClusterRef, *, name: str, role: Role, ttl: timedelta) -> Kubeconfig:
        if self.fault:
            raise self.fault
        self.granted[name] = role
        self.tokens += 1
        self.asked = ttl
        return Kubeconfig(f"apiVersion: v1\nkind: Config\n# {name} {self.tokens}\n", utcnow() + ttl)

    def revoke(self, cluster: ClusterRef, *, name: str) -> None:
        if self.fault:
            raise self.fault
        self.granted.pop(name, None)


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(kubeconfig, "connect", lambda **_: made)
    return made


@pytest.fixture
def cf(world: World) -> Platform:
    """A Cloud Foundry of Archipel's."""
    return Platform(world.archipel)


@pytest.fixture
def other(world: World) -> Platform:
    """A platform of Basalt's."""
    return Platform(world.basalt, name="k8s")
