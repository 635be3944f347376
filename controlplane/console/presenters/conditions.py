"""A cluster's health conditions in plain language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Types as Gardener reports them on a Shoot (docs/usage/shoot/shoot_status.md), with what each means for a tenant.
MEANINGS: dict[str, tuple[str, str]] = {
    "ClusterExists": ("Cluster", "The landscape has the cluster."),
    "APIServerAvailable": ("API server", "The Kubernetes API answers requests."),
    "ControlPlaneHealthy": ("Control plane", "The scheduler, controllers and etcd run as they should."),
    "EveryNodeReady": ("Nodes", "All machines joined the cluster and take pods."),
    "SystemComponentsHealthy": ("System components", "DNS, networking and the platform's own pods run."),
    "ObservabilityComponentsHealthy": ("Monitoring", "Metrics and logs of the cluster are gathered."),
    "HibernationPossible": ("Can be suspended", "Nothing in the cluster stands in the way of suspending it."),
    "MaintenancePreconditionsSatisfied": ("Can be maintained", "Nothing in the cluster blocks maintenance."),
    "CRDsWithProblematicConversionWebhooks": (
        "Custom resources",
        "No webhook blocks the conversion of resources.",
    ),
}
LOOKS: dict[str, tuple[str, str, str]] = {
    "True": ("Healthy", "check-circle", "ok"),
    "False": ("Not healthy", "exclamation-triangle", "bad"),
    "Progressing": ("Settling", "arrow-path", "busy"),
    "Unknown": ("Unknown", "question-mark-circle", "wait"),
}


@dataclass(frozen=True)
class ConditionView:
    """One condition: what it is about, what it means, how it stands."""

    title: str
    meaning: str
    word: str
    icon: str
    tone: str
    message: str
    since: datetime | None


def conditions(status: Mapping[str, Any]) -> list[ConditionView]:
    """What the observer last saw, trouble first."""
    views = [_view(entry) for entry in status.get("conditions") or ()]
    order = {"bad": 0, "wait": 1, "busy": 2, "ok": 3}
    return sorted(views, key=lambda view: order[view.tone])


def _view(entry: Mapping[str, Any]) -> ConditionView:
    title, meaning = MEANINGS.get(entry["type"], (entry["type"], ""))
    word, icon, tone = LOOKS.get(entry.get("status", ""), LOOKS["Unknown"])
    try:
        since = datetime.fromisoformat(entry.get("since", ""))
    except ValueError:
        since = None
    message = entry.get("message", "")
    return ConditionView(title, meaning, word, icon, tone, "" if tone == "ok" else message, since)
