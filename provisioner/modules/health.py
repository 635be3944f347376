"""Whether an object does what it is there for, and the words for when it does not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Live = Mapping[str, Any]


def complaint(kind: str, live: Live) -> str:
    """Return what is wrong with a live object, or an empty string; kinds without a check are well once they are there."""
    check = CHECKS.get(kind)
    return check(live) if check else ""


def _deployment(live: Live) -> str:
    wanted = int((live.get("spec") or {}).get("replicas", 1))
    status = live.get("status") or {}
    if _stale(live, status):
        return "its change was not picked up yet"
    ready = min(int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0)))
    return "" if ready >= wanted else f"{ready} of {wanted} replicas are ready"


def _daemon_set(live: Live) -> str:
    status = live.get("status") or {}
    if _stale(live, status):
        return "its change was not picked up yet"
    wanted = int(status.get("desiredNumberScheduled", 0))
    ready = min(int(status.get("numberAvailable", 0)), int(status.get("updatedNumberScheduled", wanted)))
    return "" if ready >= wanted else f"ready on {ready} of {wanted} nodes"


def _stateful_set(live: Live) -> str:
    wanted = int((live.get("spec") or {}).get("replicas", 1))
    status = live.get("status") or {}
    if _stale(live, status):
        return "its change was not picked up yet"
    ready = min(int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0)))
    return "" if ready >= wanted else f"{ready} of {wanted} replicas are ready"


def _stale(live: Live, status: Live) -> bool:
    return int(status.get("observedGeneration", 0)) < int(live["metadata"].get("generation", 1))


def _namespace(live: Live) -> str:
    phase = (live.get("status") or {}).get("phase", "Active")
    return "" if phase == "Active" else f"it is {phase}"


def _definition(live: Live) -> str:
    conditions = (live.get("status") or {}).get("conditions") or ()
    refused = [
        str(one.get("message", ""))
        for one in conditions
        if one.get("type") in {"NamesAccepted", "Established"} and one.get("status") == "False"
    ]
    if refused:
        return refused[0] or "it is not established"
    return "" if conditions else "it is not established yet"


def _api_service(live: Live) -> str:
    conditions = (live.get("status") or {}).get("conditions") or ()
    return next(
        (
            str(one.get("message") or "it is not available")
            for one in conditions
            if one.get("type") == "Available" and one.get("status") != "True"
        ),
        "",
    )


CHECKS: Mapping[str, Callable[[Live], str]] = {
    "APIService": _api_service,
    "CustomResourceDefinition": _definition,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "Namespace": _namespace,
    "StatefulSet": _stateful_set,
}
