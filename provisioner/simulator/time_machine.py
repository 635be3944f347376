"""What a meter reader would have seen of a cluster in the past: the present's own rules at other times.

GET /simulator/v1/usage?namespace=garden-nesoi&shoot=NAME&from=2026-10-01T00:00:00Z&to=...&step=300 answers
{"incarnation": the uid of kube-system, "step", "shapes": [...], "readings": [[unix seconds, shape, workload millicores, MiB,
platform millicores, MiB in use], ...]}. A shape says what stands: `nodes` (one entry a kind, with `count`), `claims` and
`snapshots` in GiB by class, `balancers`, `requested` of workload and platform as [millicores, MiB, pods], `components` of the
platform as {name: [millicores, MiB, pods, millicores and MiB in use, both at demand 1]}.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.simulator.cluster.inhabited.apps import Place, stage
from provisioner.simulator.cluster.inhabited.objects import CLAIMS, PODS, SERVICES, SNAPS, inhabitants
from provisioner.simulator.cluster.inhabited.rhythm import DAY, habit, load
from provisioner.simulator.cluster.inhabited.sizing import extra_nodes
from provisioner.simulator.cluster.metrics import SYSTEM, used
from provisioner.simulator.cluster.nodes import GPU_PRODUCT, node, slots, stable_uid
from provisioner.simulator.cluster.quantity import amount
from provisioner.simulator.cluster.system import pods
from provisioner.simulator.errors import Json, bad_request, not_found
from provisioner.simulator.gardener.names import SHOOTS
from provisioner.simulator.moments import parse
from provisioner.simulator.store import read

if TYPE_CHECKING:
    from provisioner.simulator.landscape import Landscape

MOST_READINGS = 50_000
MIB, GIB = 2**20, 2**30
# Use is a straight line over demand: two points of it tell every other.
LOW, HIGH = 0.0, 1.0


@dataclass(slots=True)
class _Use:
    """Cores and bytes at two demands, of the tenant's work and of the platform."""

    low: list[float] = field(default_factory=lambda: [0.0] * 4)
    high: list[float] = field(default_factory=lambda: [0.0] * 4)

    def at(self, busy: float) -> list[int]:
        values = [low + (high - low) * busy for low, high in zip(self.low, self.high, strict=True)]
        return [int(values[0] * 1000), int(values[1]) // MIB, int(values[2] * 1000), int(values[3]) // MIB]


async def usage_of(landscape: Landscape, query: Mapping[str, str]) -> Json:
    """Answer one question, in a thread, for weeks take seconds.

    Raises 400 for times that cannot be read or too many of them, 404 for no such Shoot.
    """
    namespace, name = query.get("namespace", ""), query.get("shoot", "")
    entry = landscape.garden.collection(*SHOOTS).get(namespace, name)
    if entry is None:
        raise not_found(SHOOTS[0], SHOOTS[1], name)
    shoot = read(entry)
    if not (shoot.get("status") or {}).get("technicalID"):
        raise bad_request("this cluster is not built yet")
    begin, end, step = _times(query)
    place = Place(landscape.settings.seed, shoot["metadata"]["uid"], landscape.settings.fill)
    return await asyncio.to_thread(_told, shoot, place, range(begin, end, step))


def _told(shoot: Json, place: Place, times: range) -> Json:
    seed, identity = place.seed, place.identity
    awake = {**shoot, "status": {**shoot["status"], "hibernated": False}}
    numbers: dict[Any, tuple[int, _Use]] = {}
    shapes: list[Json] = []
    readings: list[list[int]] = []
    for at in times:
        key = _key(place, at)
        if key not in numbers:
            shape, use = _shape(awake, place, at)
            numbers[key] = (len(shapes), use)
            shapes.append(shape)
        number, use = numbers[key]
        readings.append([at, number, *use.at(load(seed, identity, at))])
    incarnation = stable_uid(identity, "Namespace", "", "kube-system")
    return {"incarnation": incarnation, "step": times.step, "shapes": shapes, "readings": readings}


def _times(query: Mapping[str, str]) -> tuple[int, int, int]:
    try:
        begin, end = (int(parse(query.get(name, "")).timestamp()) for name in ("from", "to"))
        step = int(query.get("step", "300"))
    except (ValueError, OverflowError):
        raise bad_request("from and to are times as 2026-01-31T12:00:00Z, step is whole seconds") from None
    if step < 1 or end < begin or (end - begin) / step > MOST_READINGS:
        raise bad_request(f"to lies before from, or more than {MOST_READINGS} readings are asked for")
    return begin, end, step


def _key(place: Place, at: int) -> Any:
    """Return what a shape depends on."""
    if not place.fill:
        return ()
    return at // DAY, stage(place, at)


def _shape(shoot: Json, place: Place, at: int) -> tuple[Json, _Use]:
    version = shoot["spec"]["kubernetes"]["version"]
    nodes = [node(shoot, slot, version) for slot in slots(shoot, extra_nodes(shoot, place, at), at // DAY)]
    hosts = [each["metadata"]["name"] for each in nodes if not each["spec"].get("taints")]
    made = list(inhabitants(shoot, place, hosts, at))
    running = [each for each in pods(shoot, nodes, version) if each["spec"].get("nodeName")]
    running += [document for key, document in made if key == PODS]
    use, requested, components = _sums(running, habit(place.seed, place.identity).appetite)
    shape = {
        "nodes": _nodes(nodes),
        "claims": _gib(document["status"]["capacity"]["storage"] for key, document in made if key == CLAIMS),
        "snapshots": _gib(document["status"]["restoreSize"] for key, document in made if key == SNAPS),
        "balancers": sum(1 for key, _ in made if key == SERVICES),
        "requested": requested,
        "components": components,
    }
    return shape, use


def _gib(sizes: Any) -> dict[str, int]:
    total = sum(int(amount(size)) // GIB for size in sizes)
    return {"default": total} if total else {}


def _nodes(nodes: list[Json]) -> list[Json]:
    counted: Counter[tuple[Any, ...]] = Counter()
    for each in nodes:
        labels, status = each["metadata"]["labels"], each["status"]
        sizes = [
            number
            for part in ("capacity", "allocatable")
            for number in (
                round(amount(status[part]["cpu"]) * 1000),
                int(amount(status[part]["memory"])) // MIB,
            )
        ]
        gpus = int(status["capacity"].get("nvidia.com/gpu", 0))
        platform = labels.get("nesoi.dev/system") == "true"
        counted[
            (labels["node.kubernetes.io/instance-type"], *sizes, gpus, labels.get(GPU_PRODUCT, ""), platform)
        ] += 1
    names = (
        "machine_type", "capacity_millicores", "capacity_mib", "allocatable_millicores", "allocatable_mib",
        "gpus", "gpu_model", "platform",
    )  # fmt: skip
    return [{**dict(zip(names, key, strict=True)), "count": count} for key, count in sorted(counted.items())]


def _sums(running: list[Json], appetite: float) -> tuple[_Use, Json, Json]:
    use = _Use()
    requested = {"workload": [0, 0, 0], "platform": [0, 0, 0]}
    components: dict[str, list[int]] = {}
    for pod in running:
        container = pod["spec"]["containers"][0]
        asked = container["resources"]["requests"]
        cpu, memory = round(amount(asked["cpu"]) * 1000), int(amount(asked["memory"])) // MIB
        platform = pod["metadata"]["namespace"] in SYSTEM
        low, high = (used(pod, container, busy, appetite) for busy in (LOW, HIGH))
        first = 2 if platform else 0
        for index in range(2):
            use.low[first + index] += low[index]
            use.high[first + index] += high[index]
        rows = [requested["platform" if platform else "workload"]]
        if platform:
            rows.append(components.setdefault(pod["metadata"]["labels"]["app.kubernetes.io/name"], [0] * 5))
        for row in rows:
            for index, value in enumerate((cpu, memory, 1)):
                row[index] += value
        if platform:
            rows[1][3] += int(high[0] * 1000)
            rows[1][4] += int(high[1]) // MIB
    return use, requested, components
