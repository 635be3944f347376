"""A Shoot's status: the sentences and conditions that its operations write."""

from __future__ import annotations

import hashlib
from typing import Any

from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.names import STATUS_LABEL
from provisioner.simulator.gardener.tasks import MESSAGES
from provisioner.simulator.moments import stamp

CONDITIONS = {
    "APIServerAvailable": "HealthzRequestSucceeded",
    "ControlPlaneHealthy": "ControlPlaneRunning",
    "ObservabilityComponentsHealthy": "ObservabilityComponentsRunning",
    "EveryNodeReady": "EveryNodeReady",
    "SystemComponentsHealthy": "SystemComponentsRunning",
}
CONSTRAINTS = {
    "HibernationPossible": "NoProblematicWebhooks",
    "MaintenancePreconditionsSatisfied": "NoProblematicWebhooks",
    "CACertificateValiditiesAcceptable": "NoExpiringCACertificates",
}


def identify(shoot: Json, project: str, base_url: str) -> Json:
    """Give a new Shoot what never changes: ids and addresses; returns its status."""
    metadata = shoot["metadata"]
    status: Json = shoot.setdefault("status", {})
    status.setdefault("technicalID", f"shoot--{project}--{metadata['name']}")
    status.setdefault("uid", metadata["uid"])
    status.setdefault("clusterIdentity", f"{status['technicalID']}-{metadata['uid']}-nesoi")
    status.setdefault("gardener", {"id": "nesoi-simulator", "name": "nesoi-simulator", "version": "v1.150.0"})
    status["seedName"] = shoot["spec"]["seedName"]
    status.setdefault("hibernated", False)
    return status


def endpoint_url(shoot: Json, base_url: str) -> str:
    """Return where a Shoot's own API is."""
    return f"{base_url}/clusters/{shoot['metadata']['namespace']}/{shoot['metadata']['name']}"


def advertise(shoot: Json, base_url: str) -> None:
    """Say where the API server is, once it answers."""
    url = endpoint_url(shoot, base_url)
    shoot["status"]["advertisedAddresses"] = [
        {"name": "external", "url": url},
        {"name": "internal", "url": url},
    ]


def operation(shoot: Json, kind: str, state: str, progress: int, description: str) -> None:
    """Write lastOperation."""
    shoot["status"]["lastOperation"] = {
        "type": kind,
        "state": state,
        "progress": progress,
        "description": description,
        "lastUpdateTime": stamp(),
    }


def fault(shoot: Json, code: str, message: str) -> None:
    """Write lastErrors."""
    now = stamp()
    text = f"task failed: {message or MESSAGES[code]} ({code})"
    shoot["status"]["lastErrors"] = [
        {
            "description": text,
            "taskID": "Waiting until the infrastructure is ready",
            "codes": [code],
            "lastUpdateTime": now,
        }
    ]


def _set(conditions: list[Json], kind: str, status: str, reason: str, message: str) -> None:
    now = stamp()
    for each in conditions:
        if each["type"] == kind:
            if each["status"] != status:
                each["lastTransitionTime"] = now
            each.update(status=status, reason=reason, message=message, lastUpdateTime=now)
            return
    conditions.append(
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": now,
            "lastUpdateTime": now,
        }
    )


def conditions(shoot: Json, value: str, *, only: tuple[str, ...] = (), why: str = "") -> None:
    """Set the conditions (all, or those in `only`) to True, False, Unknown or Progressing."""
    listed: list[Json] = shoot["status"].setdefault("conditions", [])
    for kind, good in CONDITIONS.items():
        if not only or kind in only:
            reason = good if value == "True" else "ConditionNotMet" if value == "False" else "Processing"
            _set(listed, kind, value, reason, why or f"{kind} is {value}.")
    constraints: list[Json] = shoot["status"].setdefault("constraints", [])
    for kind, good in CONSTRAINTS.items():
        _set(constraints, kind, "True", good, "No obstacle is known.")


def label(shoot: Json) -> None:
    """Write the label that sums the health up."""
    values = [each["status"] for each in shoot["status"].get("conditions", [])]
    last: Any = shoot["status"].get("lastOperation") or {}
    if last.get("state") in ("Error", "Failed") or "False" in values:
        health = "unhealthy"
    elif last.get("state") in ("Processing", "Pending") or "Progressing" in values:
        health = "progressing"
    elif values and all(value == "True" for value in values):
        health = "healthy"
    else:
        health = "unknown"
    shoot["metadata"].setdefault("labels", {})[STATUS_LABEL] = health


def fraction(*parts: Any) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    digest = hashlib.blake2b("|".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
