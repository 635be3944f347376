"""Who goes when a node is short: the platform's pods carry a priority, the inhabitants carry none and make room.

As in Kubernetes: a pod with a higher priority takes the place of lower ones, and these wait until there is room again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.simulator.cluster.inhabited.objects import MADE, PODS
from provisioner.simulator.cluster.scheduler import Room, choose, fits, rooms, take
from provisioner.simulator.endpoint import Endpoint, Key
from provisioner.simulator.errors import Json
from provisioner.simulator.store import read


def is_inhabitant(pod: Json) -> bool:
    """Say whether a pod is one of the apps that fill a cluster."""
    return bool((pod["metadata"].get("labels") or {}).get(MADE[0]) == MADE[1])


def room_without_apps(endpoint: Endpoint) -> list[Room]:
    """Return what is left on each node beside the platform's, the landscape's and the users' own pods."""
    pods = [pod for pod in endpoint.collection(*PODS).documents() if not is_inhabitant(pod)]
    return rooms(endpoint.collection("", "nodes").documents(), pods)


def take_place(endpoint: Endpoint, pod: Json) -> bool:
    """Have apps make room on the node where that lets a pod of some priority fit; False where there is none."""
    if not pod["spec"].get("priorityClassName"):
        return False
    left = room_without_apps(endpoint)
    room, _ = choose(pod, left)
    if room is None:
        return False
    take(room, pod)
    collection = endpoint.collection(*PODS)
    apps = [
        (PODS, document)
        for entry in collection.scan()
        if entry.labels.get(MADE[0]) == MADE[1]
        and (document := read(entry))["spec"]["nodeName"] == room.node["metadata"]["name"]
    ]
    # Those that came first stay: what is left out is what no longer fits behind them.
    kept = {document["metadata"]["uid"] for _, document in _fitting(apps, left)}
    for _, document in apps:
        entry = collection.get(document["metadata"]["namespace"], document["metadata"]["name"])
        if entry is not None and entry.uid not in kept:
            collection.remove(entry)
    return True


def staying(endpoint: Endpoint, inhabitants: Iterable[tuple[Key, Json]]) -> Iterator[tuple[Key, Json]]:
    """Leave out the apps for which the pods that others keep on their node left no room.

    Where nobody keeps a pod, apps stand as densely as their own rules say.
    """
    stored = {
        read(entry)["spec"].get("nodeName") for entry in endpoint.collection(*PODS).scan() if entry.stored
    }
    return _fitting(inhabitants, room_without_apps(endpoint), stored) if stored else iter(inhabitants)


def _fitting(
    inhabitants: Iterable[tuple[Key, Json]], left: list[Room], only: Iterable[str | None] | None = None
) -> Iterator[tuple[Key, Json]]:
    by_name = {room.node["metadata"]["name"]: room for room in left}
    tight = by_name.keys() if only is None else set(only)
    for key, document in inhabitants:
        if key == PODS and (host := document["spec"]["nodeName"]) in tight and host in by_name:
            if not fits(document, by_name[host]):
                continue
            take(by_name[host], document)
        yield key, document
