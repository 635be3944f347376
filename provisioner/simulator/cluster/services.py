"""What the cloud and the control plane hand out: volumes, load balancers, readiness of custom kinds."""

from __future__ import annotations

from provisioner.simulator.cluster.workloads import report
from provisioner.simulator.endpoint import CRDS, Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.moments import stamp
from provisioner.simulator.store import read

SNAPSHOTS = ("snapshot.storage.k8s.io", "volumesnapshots")


def reconcile(endpoint: Endpoint) -> None:
    """Bind claims, cut snapshots, give load balancers an address, establish custom kinds."""
    for claim in endpoint.collection("", "persistentvolumeclaims").documents():
        if (claim.get("status") or {}).get("phase") != "Bound":
            _bind(endpoint, claim)
    for snapshot in endpoint.collection(*SNAPSHOTS).documents():
        if not (snapshot.get("status") or {}).get("readyToUse"):
            _cut(endpoint, snapshot)
    for service in endpoint.collection("", "services").documents():
        if service["spec"].get("type") == "LoadBalancer" and not _ingress(service):
            _balance(endpoint, service)
    for definition in endpoint.collection(*CRDS).documents():
        if not (definition.get("status") or {}).get("conditions"):
            _establish(endpoint, definition)


def _volume(claim: Json, name: str, size: str) -> Json:
    metadata, spec = claim["metadata"], claim["spec"]
    named = {"name": metadata["name"], "uid": metadata["uid"]}
    owner = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **named}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": spec.get("accessModes", ["ReadWriteOnce"]),
            "storageClassName": spec.get("storageClassName", "default"),
            "claimRef": {"namespace": metadata["namespace"], **named},
            "persistentVolumeReclaimPolicy": "Delete",
            "csi": {"driver": "simulator.nesoi", "volumeHandle": name},
        },
        "status": {"phase": "Bound"},
    }


def _bind(endpoint: Endpoint, claim: Json) -> None:
    if not len(endpoint.collection("", "nodes")):
        return
    spec = claim["spec"]
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
    name = f"pvc-{claim['metadata']['uid']}"
    if endpoint.collection("", "persistentvolumes").get("", name) is None:
        endpoint.create(("", "persistentvolumes"), _volume(claim, name, size))
    spec["volumeName"] = name
    spec.setdefault("storageClassName", "default")
    spec.setdefault("volumeMode", "Filesystem")
    claim["status"] = {
        "phase": "Bound",
        "capacity": {"storage": size},
        "accessModes": spec.get("accessModes", ["ReadWriteOnce"]),
    }
    endpoint.collection("", "persistentvolumeclaims").put(claim)


def _cut(endpoint: Endpoint, snapshot: Json) -> None:
    """Make a snapshot ready once its claim is bound."""
    source = (snapshot["spec"].get("source") or {}).get("persistentVolumeClaimName", "")
    entry = endpoint.collection("", "persistentvolumeclaims").get(snapshot["metadata"]["namespace"], source)
    size = ((read(entry).get("status") or {}).get("capacity") or {}).get("storage") if entry else None
    if size:
        snapshot["spec"].setdefault("volumeSnapshotClassName", "default")
        snapshot["status"] = {"readyToUse": True, "restoreSize": size, "creationTime": stamp()}
        endpoint.collection(*SNAPSHOTS).put(snapshot)


def _ingress(service: Json) -> bool:
    return bool(((service.get("status") or {}).get("loadBalancer") or {}).get("ingress"))


def _balance(endpoint: Endpoint, service: Json) -> None:
    luck = fraction(service["metadata"]["uid"])
    # 203.0.113.0/24 is reserved for documentation (RFC 5737): nobody is reached by mistake.
    address = f"203.0.113.{int(luck * 253) + 1}"
    report(endpoint.collection("", "services"), service, {"loadBalancer": {"ingress": [{"ip": address}]}})


def _establish(endpoint: Endpoint, definition: Json) -> None:
    spec = definition["spec"]
    versions = [each["name"] for each in spec.get("versions") or [] if each.get("storage")]
    report(
        endpoint.collection(*CRDS),
        definition,
        {
            "acceptedNames": spec["names"],
            "storedVersions": versions,
            "conditions": [
                {
                    "type": "NamesAccepted",
                    "status": "True",
                    "reason": "NoConflicts",
                    "message": "no conflicts found",
                },
                {
                    "type": "Established",
                    "status": "True",
                    "reason": "InitialNamesAccepted",
                    "message": "it is served",
                },
            ],
        },
    )
