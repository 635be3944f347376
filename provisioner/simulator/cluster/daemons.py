"""DaemonSets: one pod on every node that takes it."""

from __future__ import annotations

import orjson

from provisioner.simulator.cluster.scheduler import matches, untolerated
from provisioner.simulator.cluster.workloads import APPS, drop, make_pod, owned, ready, report, suffix
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json


def reconcile(endpoint: Endpoint) -> None:
    """Bring every DaemonSet to the nodes there are."""
    for daemon_set in endpoint.collection(APPS, "daemonsets").documents():
        _daemon_set(endpoint, daemon_set)


def _daemon_set(endpoint: Endpoint, owner: Json) -> None:
    template = {"spec": owner["spec"]["template"]["spec"]}
    hosts = [
        node["metadata"]["name"]
        for node in endpoint.collection("", "nodes").documents()
        if matches(template, node) and untolerated(template, node) is None
    ]
    pods = {
        each["metadata"]["labels"].get("nesoi.simulator/host", ""): each
        for each in owned(endpoint, ("", "pods"), owner)
    }
    for host in hosts:
        if host not in pods:
            name = f"{owner['metadata']['name']}-{suffix(owner['metadata']['uid'], host)}"
            pinned = {**owner, "spec": {**owner["spec"], "template": _pinned(owner, host)}}
            make_pod(endpoint, pinned, name, {"nesoi.simulator/host": host})
    for host in pods.keys() - set(hosts):
        drop(endpoint, ("", "pods"), pods[host])
    up = sum(1 for host in hosts if host in pods and ready(pods[host]))
    report(
        endpoint.collection(APPS, "daemonsets"),
        owner,
        {
            "observedGeneration": owner["metadata"]["generation"],
            "desiredNumberScheduled": len(hosts),
            "currentNumberScheduled": len(hosts),
            "updatedNumberScheduled": len(hosts),
            "numberReady": up,
            "numberAvailable": up,
            "numberMisscheduled": 0,
        },
    )


def _pinned(owner: Json, host: str) -> Json:
    template: Json = orjson.loads(orjson.dumps(owner["spec"]["template"]))
    template["spec"].setdefault("nodeSelector", {})["kubernetes.io/hostname"] = host
    return template
