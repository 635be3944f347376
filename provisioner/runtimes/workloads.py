"""How what runs in a cluster does, whoever it belongs to: read before a change and after it, so that the two compare. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from provisioner.runtimes.inside import ClusterApi, is_ready

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
MOST = 200  # named; nobody reads more, and they are kept in a row

Sight = dict[str, Any]


def look_at(api: ClusterApi) -> Sight:
    """Return {"nodes": {kubelet version: how many are ready}, "workloads": how many, "unwell": {"Deployment shop/cart": why}}."""
    ready = [node for node in api.list("v1", "Node") if is_ready(node)]
    versions = Counter(node["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v") for node in ready)
    count, unwell = 0, dict[str, str]()
    for kind in KINDS:
        listed = api.list("apps/v1", kind)
        count += len(listed)
        unwell.update(_unwell(kind, listed))
    return {
        "nodes": dict(sorted(versions.items())),
        "workloads": count,
        "unwell": dict(sorted(unwell.items())[:MOST]),
    }


def worse(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every workload that was well, or not there, and is unwell now, and for the nodes if all are gone."""
    if before["nodes"] and not after["nodes"]:
        yield "No node is ready."
    for name, why in after["unwell"].items():
        if name not in before["unwell"]:
            yield f"{name} was well before: {why}."


def _unwell(kind: str, listed: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for live in listed:
        status, metadata = live.get("status") or {}, live["metadata"]
        if kind == "DaemonSet":
            wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        else:
            wanted, ready = (live.get("spec") or {}).get("replicas", 1), status.get("readyReplicas", 0)
        if (ready or 0) < (wanted or 0):
            yield f"{kind} {metadata['namespace']}/{metadata['name']}", f"{ready or 0} of {wanted} are ready"
