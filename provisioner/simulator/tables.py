"""What `kubectl get` prints: the columns of each kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from provisioner.simulator.errors import Json
from provisioner.simulator.kinds import Resource
from provisioner.simulator.moments import age

Cell = Callable[[Json], Any]
Columns = list[tuple[str, int, Cell]]


def dig(document: Any, path: str, default: Any = "") -> Any:
    """Return what stands at a dotted path, `default` where it breaks off."""
    for part in path.split("."):
        if not isinstance(document, dict) or document.get(part) is None:
            return default
        document = document[part]
    return document


def _at(path: str, default: Any = "<none>") -> Cell:
    return lambda document: dig(document, path, default)


def condition(document: Json, kind: str) -> str:
    """Return the status of a condition, empty when absent."""
    for each in dig(document, "status.conditions", []):
        if each.get("type") == kind:
            return str(each.get("status", ""))
    return ""


def _node_status(node: Json) -> str:
    text = "Ready" if condition(node, "Ready") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if dig(node, "spec.unschedulable") else text


def _node_address(node: Json) -> str:
    found = [each["address"] for each in dig(node, "status.addresses", []) if each["type"] == "InternalIP"]
    return found[0] if found else "<none>"


def _pod_ready(pod: Json) -> str:
    statuses = dig(pod, "status.containerStatuses", [])
    wanted = len(dig(pod, "spec.containers", []))
    return f"{sum(1 for each in statuses if each.get('ready'))}/{wanted}"


def _pod_status(pod: Json) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    phase = str(dig(pod, "status.phase", "Unknown"))
    return "Completed" if phase == "Succeeded" else phase


def _ratio(ready: str, wanted: str) -> Cell:
    return lambda document: f"{dig(document, ready, 0)}/{dig(document, wanted, 0)}"


def _ports(service: Json) -> str:
    said = []
    for port in dig(service, "spec.ports", []):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        said.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(said) or "<none>"


def _external(service: Json) -> str:
    if dig(service, "spec.type") != "LoadBalancer":
        return "<none>"
    given = [
        each.get("ip") or each.get("hostname") for each in dig(service, "status.loadBalancer.ingress", [])
    ]
    return ",".join(filter(None, given)) or "<pending>"


def _operation(shoot: Json) -> str:
    last = dig(shoot, "status.lastOperation", {})
    return f"{last['type']} {last['state']} ({last['progress']}%)" if last else "<pending>"


def _hibernation(shoot: Json) -> str:
    wanted, observed = bool(dig(shoot, "spec.hibernation.enabled")), bool(dig(shoot, "status.hibernated"))
    if wanted == observed:
        return "Hibernated" if observed else "Awake"
    return "Hibernating" if wanted else "Waking Up"


def _brief(shoot: Json, kind: str) -> str:
    return condition(shoot, kind) or "<unknown>"


def _age(document: Json) -> str:
    return age(dig(document, "metadata.creationTimestamp"))


NAME: tuple[str, int, Cell] = ("Name", 0, _at("metadata.name"))
AGE: tuple[str, int, Cell] = ("Age", 0, _age)

TABLES: dict[tuple[str, str], Columns] = {
    ("core.gardener.cloud", "shoots"): [
        ("CloudProfile", 0, _at("spec.cloudProfile.name")),
        ("Provider", 0, _at("spec.provider.type")),
        ("Region", 0, _at("spec.region")),
        ("K8S Version", 0, _at("spec.kubernetes.version")),
        ("Hibernation", 0, _hibernation),
        ("Last Operation", 0, _operation),
        (
            "Status",
            0,
            lambda shoot: dig(shoot, "metadata.labels", {}).get("shoot.gardener.cloud/status", "<unknown>"),
        ),
        ("APIServer", 1, lambda shoot: _brief(shoot, "APIServerAvailable")),
        ("Control", 1, lambda shoot: _brief(shoot, "ControlPlaneHealthy")),
        ("Nodes", 1, lambda shoot: _brief(shoot, "EveryNodeReady")),
        ("System", 1, lambda shoot: _brief(shoot, "SystemComponentsHealthy")),
        AGE,
    ],
    ("core.gardener.cloud", "projects"): [
        ("Namespace", 0, _at("spec.namespace")),
        ("Status", 0, _at("status.phase")),
        ("Owner", 0, _at("spec.owner.name")),
        AGE,
    ],
    ("core.gardener.cloud", "cloudprofiles"): [("Type", 0, _at("spec.type")), AGE],
    ("core.gardener.cloud", "seeds"): [
        ("Provider", 0, _at("spec.provider.type")),
        ("Region", 0, _at("spec.provider.region")),
        ("K8S Version", 0, _at("status.kubernetesVersion")),
        AGE,
    ],
    ("security.gardener.cloud", "credentialsbindings"): [
        ("Provider", 0, _at("provider.type")),
        ("Credentials", 0, _at("credentialsRef.name")),
        AGE,
    ],
    ("", "nodes"): [
        ("Status", 0, _node_status),
        ("Roles", 0, lambda node: "<none>"),
        AGE,
        ("Version", 0, _at("status.nodeInfo.kubeletVersion")),
        ("Internal-IP", 1, _node_address),
        ("OS-Image", 1, _at("status.nodeInfo.osImage")),
    ],
    ("", "pods"): [
        ("Ready", 0, _pod_ready),
        ("Status", 0, _pod_status),
        ("Restarts", 0, lambda pod: 0),
        AGE,
        ("IP", 1, _at("status.podIP")),
        ("Node", 1, _at("spec.nodeName")),
    ],
    ("", "namespaces"): [("Status", 0, _at("status.phase")), AGE],
    ("", "secrets"): [
        ("Type", 0, _at("type", "Opaque")),
        ("Data", 0, lambda s: len(s.get("data") or {})),
        AGE,
    ],
    ("", "configmaps"): [("Data", 0, lambda each: len(each.get("data") or {})), AGE],
    ("", "services"): [
        ("Type", 0, _at("spec.type")),
        ("Cluster-IP", 0, _at("spec.clusterIP")),
        ("External-IP", 0, _external),
        ("Port(s)", 0, _ports),
        AGE,
    ],
    ("", "persistentvolumeclaims"): [
        ("Status", 0, _at("status.phase")),
        ("Volume", 0, _at("spec.volumeName", "")),
        ("Capacity", 0, _at("status.capacity.storage", "")),
        ("StorageClass", 0, _at("spec.storageClassName", "")),
        AGE,
    ],
    ("", "events"): [
        ("Last Seen", 0, lambda each: age(dig(each, "lastTimestamp"))),
        ("Type", 0, _at("type")),
        ("Reason", 0, _at("reason")),
        ("Object", 0, lambda e: f"{dig(e, 'involvedObject.kind').lower()}/{dig(e, 'involvedObject.name')}"),
        ("Message", 0, _at("message")),
    ],
    ("apps", "deployments"): [
        ("Ready", 0, _ratio("status.readyReplicas", "spec.replicas")),
        ("Up-to-date", 0, _at("status.updatedReplicas", 0)),
        ("Available", 0, _at("status.availableReplicas", 0)),
        AGE,
    ],
    ("apps", "statefulsets"): [("Ready", 0, _ratio("status.readyReplicas", "spec.replicas")), AGE],
    ("apps", "replicasets"): [
        ("Desired", 0, _at("spec.replicas", 0)),
        ("Current", 0, _at("status.replicas", 0)),
        ("Ready", 0, _at("status.readyReplicas", 0)),
        AGE,
    ],
    ("apps", "daemonsets"): [
        ("Desired", 0, _at("status.desiredNumberScheduled", 0)),
        ("Current", 0, _at("status.currentNumberScheduled", 0)),
        ("Ready", 0, _at("status.numberReady", 0)),
        ("Up-to-date", 0, _at("status.updatedNumberScheduled", 0)),
        ("Available", 0, _at("status.numberAvailable", 0)),
        AGE,
    ],
    ("batch", "jobs"): [
        ("Status", 0, lambda job: "Complete" if condition(job, "Complete") == "True" else "Running"),
        ("Completions", 0, _ratio("status.succeeded", "spec.completions")),
        AGE,
    ],
}


def _custom_cell(path: str) -> Cell:
    dotted = re.sub(r"^\.", "", path)
    if "[" in dotted:
        return lambda document: ""
    return lambda document: dig(document, dotted, "")


def _aged(cell: Cell) -> Cell:
    return lambda document: age(str(cell(document)))


def _layout(resource: Resource) -> Columns:
    if resource.custom:
        extra: Columns = []
        for column in resource.columns:
            cell = _custom_cell(str(column.get("jsonPath", "")))
            if column.get("type") == "date":
                cell = _aged(cell)
            extra.append((str(column.get("name", "")), int(column.get("priority", 0) or 0), cell))
        return [NAME, *(extra or [AGE])]
    columns = TABLES.get(resource.key, [AGE])
    return columns if resource.plural == "events" else [NAME, *columns]


def columns_of(resource: Resource) -> list[Json]:
    """Return the column definitions of a kind."""
    return [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": name,
            "priority": priority,
        }
        for name, priority, _ in _layout(resource)
    ]


def row_of(resource: Resource, document: Json) -> list[Any]:
    """Return the cells of one object."""
    return [cell(document) for _, _, cell in _layout(resource)]
