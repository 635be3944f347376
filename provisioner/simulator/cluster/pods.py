"""Pods: placed on nodes, started after a moment, finished when they belong to a Job."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.simulator.cluster.happenings import tell
from provisioner.simulator.cluster.preemption import take_place
from provisioner.simulator.cluster.scheduler import Room, choose, rooms_in, take
from provisioner.simulator.cluster.system import pending, running
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.moments import stamp
from provisioner.simulator.store import Collection, read

START_SECONDS = 2.0
JOB_SECONDS = 5.0
DERIVED = frozenset({"gardener", "inhabitant"})


@dataclass(slots=True)
class Clock:
    """When pods of one cluster become ready or end, in the loop's time."""

    speed: float = 1.0
    now: float = 0.0
    due: dict[str, float] = field(default_factory=dict)

    def is_over(self, key: str, seconds: float) -> bool:
        """Say whether a span that began at the first question is over."""
        due = self.due.setdefault(key, self.now + seconds / self.speed)
        if due <= self.now:
            del self.due[key]
            return True
        return False


def reconcile(endpoint: Endpoint, clock: Clock) -> None:
    """Place and start pods, and note when the next ones are due; those that are derived from the Shoot are as they are."""
    collection = endpoint.collection("", "pods")
    names = {entry.name for entry in endpoint.collection("", "nodes").scan()}
    candidates: list[Room] | None = None
    live: set[str] = set()
    for entry in list(collection.scan()):
        if entry.labels.get("origin") in DERIVED:
            continue
        pod = read(entry)
        live.add(pod["metadata"]["uid"])
        phase = pod["status"].get("phase", "Pending")
        if phase in ("Succeeded", "Failed"):
            continue
        if pod["spec"].get("nodeName") and pod["spec"]["nodeName"] not in names:
            _lose(collection, pod)
        elif not pod["spec"].get("nodeName"):
            if (
                candidates is None
            ):  # counting what is free on every node is most of the work, and seldom needed
                candidates = rooms_in(endpoint)
            _place(endpoint, pod, candidates)
        elif phase == "Pending" and clock.is_over(pod["metadata"]["uid"], _start_seconds(pod)):
            _start(endpoint, pod)
        elif phase == "Running" and _ends(pod) and clock.is_over(pod["metadata"]["uid"], JOB_SECONDS):
            _finish(collection, pod)
    for key in clock.due.keys() - live:
        del clock.due[key]


def _start_seconds(pod: Json) -> float:
    return START_SECONDS * (0.5 + fraction(pod["metadata"]["uid"]))


def _ends(pod: Json) -> bool:
    return any(owner.get("kind") == "Job" for owner in pod["metadata"].get("ownerReferences") or [])


def _lose(collection: Collection, pod: Json) -> None:
    """The node is gone, and a pod with it; its owner makes another."""
    entry = collection.get(pod["metadata"]["namespace"], pod["metadata"]["name"])
    if entry is None:
        return
    if pod["metadata"].get("ownerReferences"):
        collection.remove(entry)
    else:
        pod["status"] = {
            **pod["status"],
            "phase": "Failed",
            "reason": "NodeLost",
            "message": "the node is gone",
        }
        collection.put(pod)


def _place(endpoint: Endpoint, pod: Json, candidates: list[Room]) -> None:
    collection = endpoint.collection("", "pods")
    room, why = choose(pod, candidates)
    made = room is None and take_place(endpoint, pod)
    if made:
        candidates[:] = rooms_in(endpoint)
        room, why = choose(pod, candidates)
    if room is None:
        wanted = pending(why)
        before = (pod["status"].get("conditions") or [{}])[0].get("message")
        if before != why:
            pod["status"] = wanted
            collection.put(pod)
            tell(endpoint, pod, "FailedScheduling", why, warning=True)
        return
    take(room, pod)
    pod["spec"]["nodeName"] = room.node["metadata"]["name"]
    now = stamp()
    pod["status"] = {
        "phase": "Pending",
        "qosClass": "Burstable",
        "startTime": now,
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now}],
    }
    collection.put(pod)
    tell(endpoint, pod, "Scheduled", f"assigned to {pod['spec']['nodeName']}")


def _start(endpoint: Endpoint, pod: Json) -> None:
    now = stamp()
    containers = pod["spec"]["containers"]
    status = running("", "", pod["metadata"]["uid"], now)
    template = status["containerStatuses"][0]
    status["containerStatuses"] = [
        {**template, "name": each["name"], "image": each.get("image", ""), "imageID": each.get("image", "")}
        for each in containers
    ]
    pod["status"] = status
    endpoint.collection("", "pods").put(pod)
    tell(endpoint, pod, "Started", f"{len(containers)} container(s) run")


def _finish(collection: Collection, pod: Json) -> None:
    now = stamp()
    status = {**pod["status"], "phase": "Succeeded"}
    status["conditions"] = [
        {**each, "status": "False" if "Ready" in each["type"] else each["status"], "lastTransitionTime": now}
        for each in status.get("conditions", [])
    ]
    status["containerStatuses"] = [
        {
            **each,
            "ready": False,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now}},
        }
        for each in status.get("containerStatuses", [])
    ]
    pod["status"] = status
    collection.put(pod)
