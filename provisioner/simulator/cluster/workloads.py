"""Deployments, ReplicaSets and StatefulSets, brought to what they say."""

from __future__ import annotations

import hashlib
import uuid

import orjson

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.moments import stamp
from provisioner.simulator.store import Collection

APPS = "apps"
HASH = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def reconcile(endpoint: Endpoint) -> None:
    """Make ReplicaSets and pods for every workload, and report how far each is."""
    for deployment in endpoint.collection(APPS, "deployments").documents():
        _deployment(endpoint, deployment)
    for replica_set in endpoint.collection(APPS, "replicasets").documents():
        _replica_set(endpoint, replica_set)
    for stateful_set in endpoint.collection(APPS, "statefulsets").documents():
        _stateful_set(endpoint, stateful_set)


def owned(endpoint: Endpoint, key: tuple[str, str], owner: Json) -> list[Json]:
    """Return the objects of a kind that an object owns."""
    collection = endpoint.collection(*key)
    uid = owner["metadata"]["uid"]
    return [
        orjson.loads(entry.raw)
        for entry in collection.scan(owner["metadata"]["namespace"])
        if uid in entry.owners
    ]


def reference(owner: Json) -> Json:
    """Return the ownerReference to an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def ready(pod: Json) -> bool:
    """Say whether a pod is ready."""
    return any(
        each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", [])
    )


def suffix(*parts: str) -> str:
    number = int(fraction(*parts) * 27**5)
    return "".join(_LETTERS[number // 27**place % 27] for place in range(5))


def make_pod(endpoint: Endpoint, owner: Json, name: str, labels: Json | None = None) -> None:
    """Create a pod from its owner's template."""
    template = owner["spec"]["template"]
    metadata: Json = {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "labels": {**(template.get("metadata", {}).get("labels") or {}), **(labels or {})},
        "annotations": template.get("metadata", {}).get("annotations") or {},
        "ownerReferences": [reference(owner)],
    }
    spec = orjson.loads(orjson.dumps(template["spec"]))
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Pending", "conditions": []},
    }
    endpoint.create(("", "pods"), document)


def drop(endpoint: Endpoint, key: tuple[str, str], document: Json) -> None:
    """Delete an object we made."""
    collection = endpoint.collection(*key)
    entry = collection.get(document["metadata"]["namespace"], document["metadata"]["name"])
    if entry is not None:
        endpoint.delete(collection, entry)


def report(collection: Collection, document: Json, status: Json) -> None:
    """Store a status when it says something new; times of conditions that did not change stay."""
    before = document.get("status") or {}
    earlier = {each["type"]: each for each in before.get("conditions") or []}
    for each in status.get("conditions") or []:
        same = earlier.get(each["type"])
        kept = same is not None and same["status"] == each["status"]
        each["lastTransitionTime"] = same["lastTransitionTime"] if same and kept else stamp()
        each["lastUpdateTime"] = each["lastTransitionTime"]
    if before != status:
        document["status"] = status
        collection.put(document)


def _deployment(endpoint: Endpoint, deployment: Json) -> None:
    spec = deployment["spec"]
    digest = hashlib.blake2b(
        orjson.dumps(spec["template"], option=orjson.OPT_SORT_KEYS), digest_size=5
    ).hexdigest()
    sets = owned(endpoint, (APPS, "replicasets"), deployment)
    current = next((each for each in sets if each["metadata"]["labels"].get(HASH) == digest), None)
    wanted = int(spec.get("replicas", 1))
    if current is None:
        current = _make_set(endpoint, deployment, digest, wanted)
    elif current["spec"]["replicas"] != wanted:
        current["spec"]["replicas"] = wanted
        current["metadata"]["generation"] += 1
        endpoint.collection(APPS, "replicasets").put(current)
    status = current.get("status") or {}
    available = int(status.get("readyReplicas", 0))
    old = [each for each in sets if each["metadata"]["uid"] != current["metadata"]["uid"]]
    for each in old:
        keep = max(wanted - available, 0)
        if each["spec"]["replicas"] > keep:
            each["spec"]["replicas"] = keep
            endpoint.collection(APPS, "replicasets").put(each)
    older = sum(int((each.get("status") or {}).get("readyReplicas", 0)) for each in old)
    found = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": int(status.get("replicas", 0)) + older,
        "updatedReplicas": int(status.get("replicas", 0)),
        "readyReplicas": available + older,
        "availableReplicas": available + older,
        "unavailableReplicas": max(wanted - available - older, 0),
        "conditions": _progress(current["metadata"]["name"], wanted, available, older),
    }
    report(endpoint.collection(APPS, "deployments"), deployment, found)


def _progress(name: str, wanted: int, available: int, older: int) -> list[Json]:
    enough, done = available + older >= wanted, available >= wanted and not older
    return [
        {
            "type": "Available",
            "status": "True" if enough else "False",
            "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            "message": f"{available + older} of {wanted} replicas are available",
        },
        {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
            "message": f'ReplicaSet "{name}" has {available} of {wanted} replicas',
        },
    ]


def _make_set(endpoint: Endpoint, deployment: Json, digest: str, wanted: int) -> Json:
    labels = {**(deployment["spec"]["template"].get("metadata", {}).get("labels") or {}), HASH: digest}
    document: Json = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "generation": 1,
            "uid": str(uuid.uuid4()),
            "ownerReferences": [reference(deployment)],
        },
        "spec": {
            "replicas": wanted,
            "selector": {"matchLabels": labels},
            "template": deployment["spec"]["template"],
        },
        "status": {},
    }
    endpoint.create((APPS, "replicasets"), document)
    return document


def _replica_set(endpoint: Endpoint, owner: Json) -> None:
    pods = [each for each in owned(endpoint, ("", "pods"), owner) if each["status"].get("phase") != "Failed"]
    wanted = int(owner["spec"].get("replicas", 1))
    labels = {key: value for key, value in (owner["metadata"].get("labels") or {}).items() if key == HASH}
    taken = {each["metadata"]["name"] for each in pods}
    for index in range(len(pods), wanted):
        attempt = 0
        name = f"{owner['metadata']['name']}-{suffix(owner['metadata']['uid'], str(index))}"
        while name in taken:
            attempt += 1
            name = f"{owner['metadata']['name']}-{suffix(owner['metadata']['uid'], str(index), str(attempt))}"
        taken.add(name)
        make_pod(endpoint, owner, name, labels)
    for pod in sorted(pods, key=ready)[: max(len(pods) - wanted, 0)]:
        drop(endpoint, ("", "pods"), pod)
    up = sum(1 for each in pods if ready(each))
    count = min(len(pods), wanted)
    report(
        endpoint.collection(APPS, "replicasets"),
        owner,
        {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": max(count, wanted),
            "readyReplicas": min(up, wanted),
            "availableReplicas": min(up, wanted),
        },
    )


def _stateful_set(endpoint: Endpoint, owner: Json) -> None:
    pods = {each["metadata"]["name"]: each for each in owned(endpoint, ("", "pods"), owner)}
    wanted = int(owner["spec"].get("replicas", 1))
    names = [f"{owner['metadata']['name']}-{index}" for index in range(wanted)]
    for name in names:
        if name not in pods:
            _claims(endpoint, owner, name)
            make_pod(endpoint, owner, name, {"statefulset.kubernetes.io/pod-name": name})
            break
        if not ready(pods[name]):
            break
    for name in pods.keys() - set(names):
        drop(endpoint, ("", "pods"), pods[name])
    up = sum(1 for name in names if name in pods and ready(pods[name]))
    count = sum(1 for name in names if name in pods)
    report(
        endpoint.collection(APPS, "statefulsets"),
        owner,
        {
            "observedGeneration": owner["metadata"]["generation"],
            "replicas": count,
            "readyReplicas": up,
            "availableReplicas": up,
            "currentReplicas": count,
            "updatedReplicas": count,
            "currentRevision": f"{owner['metadata']['name']}-1",
            "updateRevision": f"{owner['metadata']['name']}-1",
        },
    )


def _claims(endpoint: Endpoint, owner: Json, pod: str) -> None:
    space = owner["metadata"]["namespace"]
    for template in owner["spec"].get("volumeClaimTemplates") or []:
        name = f"{template['metadata']['name']}-{pod}"
        if endpoint.collection("", "persistentvolumeclaims").get(space, name) is None:
            document: Json = {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "namespace": space},
                "spec": template["spec"],
                "status": {"phase": "Pending"},
            }
            endpoint.create(("", "persistentvolumeclaims"), document)
