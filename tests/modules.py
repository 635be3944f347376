"""Modules for tests: a cluster's API in a dictionary that notes every call, and wishes."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.modules.registry import all_modules
from provisioner.runtimes.inside import Identity, Json, ObjectRef
from provisioner.runtimes.spec import ClusterSpec, ModuleWish

CLUSTER = ClusterSpec(
    name="isle", provider="aws", region="eu-central-1", kubernetes_version="1.34.2", pools=()
)


def wish(key: str, version: str = "1.0.0", **more: Any) -> ModuleWish:
    return ModuleWish(key, version, more.pop("implementation", all_modules()[key].first), **more)


def cluster(*wishes: ModuleWish) -> ClusterSpec:
    return replace(CLUSTER, modules=wishes)


def _merge(live: Json, wanted: Mapping[str, Any]) -> Json:
    merged = dict(live)
    for key, value in wanted.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if nested else value
    return merged


class Objects(UserDict[ObjectRef, Json]):
    """Objects as Kubernetes knows them: by group, kind, namespace and name, whichever version they are written or read in."""

    def __init__(self, objects: Mapping[ObjectRef, Json] | None = None) -> None:
        self._refs: dict[Identity, ObjectRef] = {}
        super().__init__(objects or {})

    def __getitem__(self, ref: ObjectRef) -> Json:
        return self.data[self._refs[ref.identity]]

    def __setitem__(self, ref: ObjectRef, live: Json) -> None:
        self.data.pop(self._refs.get(ref.identity, ref), None)
        self._refs[ref.identity] = ref
        self.data[ref] = live

    def __delitem__(self, ref: ObjectRef) -> None:
        del self.data[self._refs.pop(ref.identity)]

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, ObjectRef) and ref.identity in self._refs

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(self.data)


@dataclass
class Island:
    """A cluster whose workloads are ready at once unless their name is among the `lame`."""

    objects: Objects = field(default_factory=Objects)
    calls: list[str] = field(default_factory=list)
    lame: set[str] = field(default_factory=set)
    made: int = 0

    def get(self, ref: ObjectRef) -> Json | None:
        self.calls.append(f"get {ref}")
        return self._shown(self.objects[ref]) if ref in self.objects else None

    def list(
        self, api_version: str, kind: str, *, namespace: str = "", labels: str = "", most: int = 0
    ) -> list[Json]:
        self.calls.append(f"list {kind}")
        found = [
            self._shown(live)
            for ref, live in sorted(self.objects.items())
            if ref.identity[:2] == (api_version.rpartition("/")[0], kind)
            and (not namespace or ref.namespace == namespace)
            and (not labels or labels in (live["metadata"].get("labels") or {}))
        ]
        return found[:most] if most else found

    def apply(self, document: Mapping[str, Any]) -> Json:
        ref = ObjectRef.of(document)
        self.calls.append(f"apply {ref}")
        live = self.objects.get(ref)
        if live is None:
            self.made += 1
            live = {"metadata": {"uid": str(self.made)}}
        self.objects[ref] = _merge(live, document)
        return self._shown(self.objects[ref])

    def delete(self, ref: ObjectRef) -> Json | None:
        self.calls.append(f"delete {ref}")
        live = self.objects.get(ref)
        if live is None:
            return None
        if live["metadata"].get("finalizers"):
            live["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"
            return live
        del self.objects[ref]
        return None

    def names(self, kind: str = "") -> set[str]:
        return {ref.name for ref in self.objects if not kind or ref.kind == kind}

    def _shown(self, live: Json) -> Json:
        ready = 0 if live["metadata"]["name"] in self.lame else 1
        if live.get("kind") == "Deployment":
            replicas = live["spec"].get("replicas", 1) * ready
            status = {"observedGeneration": 1, "updatedReplicas": replicas, "availableReplicas": replicas}
            return {**live, "status": status}
        if live.get("kind") == "DaemonSet":
            counts = {"desiredNumberScheduled": 1, "numberAvailable": ready, "updatedNumberScheduled": 1}
            return {**live, "status": {"observedGeneration": 1, **counts}}
        if live.get("kind") == "CustomResourceDefinition":
            return {**live, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
        return live
