"""Which node takes a pod: selectors, taints, requests; and the words when none does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from provisioner.simulator.cluster.quantity import amount
from provisioner.simulator.endpoint import Endpoint, Taking
from provisioner.simulator.errors import Json
from provisioner.simulator.store import read


@dataclass(slots=True)
class Room:
    """What is left on one node."""

    node: Json
    free: dict[str, float]
    pods: int = 0
    names: set[str] = field(default_factory=set)


def requests_of(pod: Json) -> dict[str, float]:
    """Return what a pod asks for, by resource."""
    total: dict[str, float] = {}
    for container in pod["spec"].get("containers") or []:
        resources = container.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for name, value in asked.items():
            total[name] = total.get(name, 0.0) + amount(value)
    return total


def rooms(nodes: list[Json], pods: list[Json]) -> list[Room]:
    """Return what is left on each node after the pods that are on it."""
    found = {
        node["metadata"]["name"]: Room(
            node, {name: amount(value) for name, value in node["status"]["allocatable"].items()}
        )
        for node in nodes
    }
    for pod in pods:
        room = found.get(pod["spec"].get("nodeName", ""))
        if room is not None and pod["status"].get("phase") in ("Running", "Pending"):
            take(room, pod)
    return list(found.values())


def rooms_in(endpoint: Endpoint) -> list[Room]:
    """Return what is left on each node of a cluster; what a pod takes is read once for as long as it stays as it is."""
    found = rooms(endpoint.collection("", "nodes").documents(), [])
    by_name = {room.node["metadata"]["name"]: room for room in found}
    known, endpoint.takings = endpoint.takings, {}
    for entry in endpoint.collection("", "pods").scan():
        taking = known.get(entry.version) or _taking(read(entry))
        endpoint.takings[entry.version] = taking
        host, wanted = taking
        if host in by_name:
            _subtract(by_name[host], wanted)
    return found


def _taking(pod: Json) -> Taking:
    if pod["status"].get("phase") not in ("Running", "Pending"):
        return "", {}
    return pod["spec"].get("nodeName", ""), requests_of(pod)


def take(room: Room, pod: Json) -> None:
    """Put a pod on a node."""
    _subtract(room, requests_of(pod))


def _subtract(room: Room, wanted: dict[str, float]) -> None:
    room.pods += 1
    for name, value in wanted.items():
        room.free[name] = room.free.get(name, 0.0) - value


def fits(pod: Json, room: Room) -> bool:
    """Say whether a node has what a pod asks for."""
    wanted = requests_of(pod)
    return all(value <= room.free.get(name, 0.0) + 1e-9 for name, value in wanted.items())


def choose(pod: Json, candidates: list[Room]) -> tuple[Room | None, str]:
    """Return the emptiest fitting node, or None and why none fits."""
    why: Counter[str] = Counter()
    fitting: list[Room] = []
    wanted = requests_of(pod)
    for room in candidates:
        reason = _refusal(pod, room, wanted)
        if reason:
            why[reason] += 1
        else:
            fitting.append(room)
    if fitting:
        return min(fitting, key=lambda room: (room.pods, room.node["metadata"]["name"])), ""
    if not candidates:
        return None, "no nodes available to schedule pods"
    said = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
    return None, f"0/{len(candidates)} nodes are available: {said}."


def _refusal(pod: Json, room: Room, wanted: dict[str, float]) -> str:
    if not matches(pod, room.node):
        return "node(s) didn't match Pod's node affinity/selector"
    taint = untolerated(pod, room.node)
    if taint:
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if room.node["spec"].get("unschedulable"):
        return "node(s) were unschedulable"
    if room.pods + 1 > room.free.get("pods", 110.0):
        return "Too many pods"
    for name, value in wanted.items():
        if value > room.free.get(name, 0.0) + 1e-9:
            return f"Insufficient {name}"
    return ""


def matches(pod: Json, node: Json) -> bool:
    """Say whether a node has the labels that a pod's selector and required affinity name."""
    labels = node["metadata"].get("labels") or {}
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms")
    return not terms or any(_term(term, labels) for term in terms)


def _term(term: Json, labels: dict[str, str]) -> bool:
    for each in term.get("matchExpressions") or []:
        value, values = labels.get(each["key"]), each.get("values") or []
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds.get(each["operator"], False):
            return False
    return True


def untolerated(pod: Json, node: Json) -> Json | None:
    """Return the first taint that keeps a pod away."""
    for taint in node["spec"].get("taints") or []:
        if taint.get("effect") == "PreferNoSchedule":
            continue
        if not any(_tolerates(each, taint) for each in pod["spec"].get("tolerations") or []):
            found: Json = taint
            return found
    return None


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", ""))
