"""What a pod asks for, as the scheduler counts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.collecting.quantities import NANO, nanos

Json = Mapping[str, Any]
RESOURCES = ("cpu", "memory")
Amounts = tuple[int, int]  # billionths of cores and of bytes
_QUICK = 16
DONE = ("Succeeded", "Failed")


def takes_room(pod: Json) -> bool:
    """Say whether a pod holds a place on a node: it has one and has not ended."""
    phase = (pod.get("status") or {}).get("phase")
    return bool(pod["spec"].get("nodeName")) and phase not in DONE


def requested(pod: Json) -> Amounts:
    """Return what a pod asks for.

    Containers run together; an init container runs alone beside the sidecars (init containers that always restart) that began
    before it; the larger of the two holds, plus the overhead of its runtime class. What is said for the pod as a whole wins.
    """
    spec = pod["spec"]
    cpu, memory = 0, 0
    for container in spec.get("containers") or ():
        more = _asked(container)
        cpu, memory = cpu + more[0], memory + more[1]
    beside_cpu, beside_memory, peak_cpu, peak_memory = 0, 0, 0, 0
    for container in spec.get("initContainers") or ():
        more = _asked(container)
        if container.get("restartPolicy") == "Always":
            beside_cpu, beside_memory = beside_cpu + more[0], beside_memory + more[1]
            more = (0, 0)
        peak_cpu = max(peak_cpu, beside_cpu + more[0])
        peak_memory = max(peak_memory, beside_memory + more[1])
    cpu, memory = max(cpu + beside_cpu, peak_cpu), max(memory + beside_memory, peak_memory)
    whole = (spec.get("resources") or {}).get("requests") or {}
    overhead = spec.get("overhead") or {}
    return (
        (nanos(str(whole["cpu"])) if "cpu" in whole else cpu) + _one(overhead, "cpu"),
        (nanos(str(whole["memory"])) if "memory" in whole else memory) + _one(overhead, "memory"),
    )


def used(metrics: Json) -> Amounts:
    """Return what the containers of one PodMetrics use."""
    cpu, memory = 0, 0
    for container in metrics.get("containers") or ():
        usage = container["usage"]
        cpu, memory = cpu + _fresh(str(usage["cpu"])), memory + _fresh(str(usage["memory"]))
    return cpu, memory


def _asked(container: Json) -> Amounts:
    """Return a container's requests; a limit without a request is one."""
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    return (
        _one(requests if "cpu" in requests else limits, "cpu"),
        _one(requests if "memory" in requests else limits, "memory"),
    )


def _one(amounts: Json, name: str) -> int:
    said = amounts.get(name)
    return 0 if said is None else nanos(str(said))


def _fresh(text: str) -> int:
    """Read a measured quantity: each is new, so none is kept, and the two forms that metrics servers write are quick."""
    if len(text) < _QUICK and text.isascii():
        if text[-1:] == "n" and text[:-1].isdecimal():
            return int(text[:-1])
        if text[-2:] == "Ki" and text[:-2].isdecimal():
            return int(text[:-2]) * 1024 * NANO
    return nanos(text)
