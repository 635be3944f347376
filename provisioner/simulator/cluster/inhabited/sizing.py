"""What the autoscaler makes of the demand: how many nodes each pool has at a time. Pure."""

from __future__ import annotations

import math

from provisioner.simulator.cluster.inhabited.apps import App, Place, apps
from provisioner.simulator.cluster.nodes import RESERVED_CPU_MILLI, RESERVED_MEMORY_MIB, machine_of
from provisioner.simulator.cluster.system import COMPONENTS
from provisioner.simulator.errors import Json

AGENTS = 200  # millicores a node that system pods and the platform's agents take, rounded up


def least(pool: Json) -> int:
    """Return the fewest nodes a pool may have."""
    count = min(int(pool.get("minimum", 1)), int(pool.get("maximum", 1)))
    system = (pool.get("systemComponents") or {}).get("allow") and pool.get("maximum", 1)
    return max(count, 1) if system else count


def room(shoot: Json, pool: Json) -> tuple[int, int]:
    """Return the millicores and MiB that one node of a pool has for apps."""
    machine = machine_of(shoot, pool)
    taken = sum(each.memory for each in COMPONENTS)
    return (
        max(machine.cpu * 1000 - RESERVED_CPU_MILLI - AGENTS * 2, 100),
        max(int(machine.memory_gib * 1024 * 0.98) - RESERVED_MEMORY_MIB - taken, 256),
    )


def smallest(shoot: Json) -> tuple[int, int]:
    """Return what a cluster has for apps at its smallest; what is tainted is kept for others."""
    workers = shoot["spec"]["provider"]["workers"]
    free = [pool for pool in workers if not pool.get("taints")] or workers
    rooms = [(least(pool), *room(shoot, pool)) for pool in free]
    return sum(count * cpu for count, cpu, _ in rooms), sum(count * memory for count, _, memory in rooms)


def apps_of(shoot: Json, place: Place, at: float) -> list[App]:
    """Return the apps of a Shoot's cluster at a time."""
    millicores, mib = smallest(shoot)
    return list(apps(place, millicores, mib, at))


def extra_nodes(shoot: Json, place: Place, at: float) -> dict[str, int]:
    """Return how many nodes the autoscaler added to each pool; the first pool with room takes them."""
    if not place.fill:
        return {}
    millicores, mib = smallest(shoot)
    found = apps_of(shoot, place, at)
    cpu = sum(app.cpu * app.replicas for app in found) - millicores
    memory = sum(app.memory * app.replicas for app in found) - mib
    extra: dict[str, int] = {}
    for pool in shoot["spec"]["provider"]["workers"]:
        each_cpu, each_memory = room(shoot, pool)
        wanted = max(math.ceil(cpu / each_cpu), math.ceil(memory / each_memory), 0)
        count = min(wanted, int(pool.get("maximum", 1)) - least(pool))
        if count > 0 and not pool.get("taints"):
            extra[pool["name"]] = count
            cpu, memory = cpu - count * each_cpu, memory - count * each_memory
    return extra
