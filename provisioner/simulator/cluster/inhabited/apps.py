"""Which apps, volumes and balancers a cluster has, and how large they are at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from provisioner.simulator.cluster.inhabited.rhythm import BASE_DAY, DAY, demand, habit
from provisioner.simulator.gardener.status import fraction

NAMES = ("frontend", "checkout", "search", "catalog", "worker", "reports", "gateway", "mailer")
SPACES = ("shop", "data", "batch")
STEADY = 8  # demand is followed in eighths, so that pods don't come and go all the time
GROWS_EVERY_DAYS = 10
SNAPSHOTS = 3
_REPLICAS = 3


@dataclass(frozen=True, slots=True)
class App:
    """Equal pods: CPU in millicores and memory in MiB, of each."""

    name: str
    space: str
    cpu: int
    memory: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Volume:
    """A claim, kept by nightly snapshots."""

    name: str
    space: str
    gib: int


@dataclass(frozen=True, slots=True)
class Place:
    """Which cluster is meant, and what the simulator is told: `fill` of its smallest size is asked for on an average day."""

    seed: int
    identity: str
    fill: float


def stage(place: Place, at: float) -> int:
    """Return the demand in steps: what apps and nodes there are depends on it alone."""
    return round(demand(place.seed, place.identity, at) * STEADY)


def apps(place: Place, millicores: int, mib: int, at: float) -> Iterator[App]:
    """Yield the apps of a cluster whose smallest size is given, at a time."""
    steps = stage(place, at)
    for app in _usual(place, millicores, mib):
        yield replace(app, replicas=max(round(app.replicas * steps / STEADY), 1))


@lru_cache(maxsize=1_000)
def _usual(place: Place, millicores: int, mib: int) -> tuple[App, ...]:
    """Return the apps as they are on an average day."""
    seed, identity = place.seed, place.identity
    count = 2 + int(4 * fraction(seed, identity, "apps"))
    own = habit(seed, identity)
    weights = [0.5 + fraction(seed, identity, "weight", index) for index in range(count)]
    found = []
    for index, weight in enumerate(weights):
        name = NAMES[(index + int(8 * fraction(seed, identity, "first"))) % len(NAMES)]
        base = 1 + int(_REPLICAS * fraction(seed, identity, "replicas", index))
        part = place.fill * own.filled * weight / sum(weights) / base
        cpu = max(int(millicores * part) // 10 * 10, 10)
        memory = max(int(mib * part) // 16 * 16, 32)
        found.append(App(name, SPACES[index % len(SPACES)], cpu, memory, base))
    return tuple(found)


def volumes(place: Place, at: float) -> Iterator[Volume]:
    """Yield the volumes; each grows a little every ten days."""
    seed, identity = place.seed, place.identity
    grown = int(at // DAY - BASE_DAY) // GROWS_EVERY_DAYS
    for index in range(1 + int(3 * fraction(seed, identity, "volumes"))):
        first = 8 + 8 * int(12 * fraction(seed, identity, "size", index))
        yield Volume(f"data-{index}", "data", max(first + grown * (1 + index), 4))


def balancers(place: Place) -> int:
    """Return how many services are open to the world."""
    return int(2.6 * fraction(place.seed, place.identity, "balancers"))
