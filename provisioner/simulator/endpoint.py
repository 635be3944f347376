"""One API server: its kinds, its collections, and what its kinds do beyond storing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provisioner.simulator.errors import ApiError, Json
from provisioner.simulator.history import BYTES_KEPT, BYTES_KEPT_SMALL, Entry, Event
from provisioner.simulator.kinds import Kinds, Resource
from provisioner.simulator.moments import stamp
from provisioner.simulator.shape import Shape, list_maps
from provisioner.simulator.store import Collection, Store, read

Key = tuple[str, str]
Taking = tuple[str, dict[str, float]]  # a node's name, and what is requested of it by resource
CRDS: Key = ("apiextensions.k8s.io", "customresourcedefinitions")


@dataclass(frozen=True, slots=True)
class Strategy:
    """What one kind does beyond being stored; every part may be absent.

    `prepare` gets (endpoint, new, old) before a write, defaults and validates, and may change `new`.
    `grows` gets (old, new) and says whether the generation must grow. `check_delete` may refuse a delete.
    `changed` is told of every change.
    """

    prepare: Callable[[Endpoint, Json, Json | None], None] | None = None
    grows: Callable[[Json, Json], bool] | None = None
    check_delete: Callable[[Endpoint, Json], None] | None = None
    changed: Callable[[Endpoint, Collection, Event], None] | None = None


@dataclass(slots=True)
class Endpoint:
    """An API server; `name` is empty for the garden and `<namespace>/<shoot>` for a runtime."""

    name: str
    identity: str
    version: str
    store: Store
    kinds: Kinds
    strategies: Mapping[Key, Strategy]
    collections: dict[Key, Collection] = field(default_factory=dict)
    custom: Kinds = field(default_factory=dict)
    listener: Callable[[Endpoint, Collection, Event], None] | None = None
    virtual: Callable[[Endpoint, Resource, str, str], list[Json]] | None = None
    readers: int = 0
    used_at: float = 0.0
    aligned_at: float = 0.0
    shoot_version: int = 0  # of its Shoot, when it was last found well
    quiet: bool = False  # while it is laid out
    # When which pod starts or ends, in the loop's time.
    pods_due: dict[str, float] = field(default_factory=dict)
    # Kinds with changes that its controllers have not seen yet.
    touched: set[str] = field(default_factory=set)
    # What each pod takes of which node, by its version: see the scheduler.
    takings: dict[int, Taking] = field(default_factory=dict)

    def resource(self, group: str, version: str, plural: str) -> Resource | None:
        """Return a served kind."""
        return self.kinds.get((group, version, plural)) or self.custom.get((group, version, plural))

    def resources(self) -> list[Resource]:
        """Return every served kind."""
        return [*self.kinds.values(), *self.custom.values()]

    def collection(self, group: str, plural: str) -> Collection:
        """Return the collection of a kind, made at first use."""
        found = self.collections.get((group, plural))
        if found is None:
            # The garden's watchers follow thousands of Shoots; a cluster's own kinds are small, and a thousand may be awake.
            kept = BYTES_KEPT_SMALL if self.name else BYTES_KEPT
            found = Collection(self.store, self.name, (group, plural), kept)
            found.listener, found.quiet = self._changed, self.quiet
            self.collections[(group, plural)] = found
        return found

    def open(self) -> None:
        """Tell of every change from now on: it is laid out."""
        self.quiet = False
        for collection in self.collections.values():
            collection.quiet = False

    def shape(self, resource: Resource) -> Shape:
        """Return the merge keys of a kind."""
        return Shape(resource.list_maps if resource.custom else None)

    def load(self) -> None:
        """Take in what the journal holds for this endpoint."""
        if self.store.journal is None:
            return
        for group, plural, raw in self.store.journal.load(self.name):
            self.collection(group, plural).load(raw)
        for entry in self.collection(*CRDS).scan() if CRDS in self.collections else ():
            self._serve_custom(read(entry))

    def create(self, resource_key: Key, document: Json, *, stored: bool = True) -> Entry:
        """Store an object of our own making: complete its metadata, skip admission."""
        metadata = document.setdefault("metadata", {})
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", stamp())
        return self.collection(*resource_key).put(document, stored=stored)

    def _changed(self, collection: Collection, event: Event) -> None:
        key = (collection.group, collection.plural)
        if key == CRDS:
            self._crd_changed(event)
        elif event.type == "DELETED":
            self._collect_garbage(event.entry.uid)
            self._finish_namespace(event.entry.namespace)
        strategy = self.strategies.get(key)
        if strategy and strategy.changed:
            strategy.changed(self, collection, event)
        if self.listener is not None:
            self.listener(self, collection, event)

    def _collect_garbage(self, uid: str) -> None:
        for collection in [each for each in self.collections.values() if each.owned]:
            for entry in [each for each in collection.entries.values() if uid in each.owners]:
                self.delete(collection, entry)

    def delete(self, collection: Collection, entry: Entry) -> Json | None:
        """Delete an object, or mark it when finalizers stand in the way; returns the marked object."""
        document = read(entry)
        metadata = document["metadata"]
        kind_finalizers = (
            (document.get("spec") or {}).get("finalizers") if collection.plural == "namespaces" else None
        )
        if not metadata.get("finalizers") and not kind_finalizers:
            collection.remove(entry)
            return None
        if "deletionTimestamp" in metadata:
            return document
        metadata["deletionTimestamp"] = stamp()
        metadata["deletionGracePeriodSeconds"] = 0
        if "generation" in metadata:
            metadata["generation"] += 1
        if collection.plural == "namespaces" and not collection.group:
            document["status"] = {"phase": "Terminating"}
            collection.put(document, stored=entry.stored)
            self._empty_namespace(entry.name)
            return document
        collection.put(document, stored=entry.stored)
        return document

    def _empty_namespace(self, namespace: str) -> None:
        for collection in list(self.collections.values()):
            for entry in list(collection.scan(namespace)):
                if entry.namespace == namespace:
                    self.delete(collection, entry)
        self._finish_namespace(namespace)

    def _finish_namespace(self, namespace: str) -> None:
        if not namespace:
            return
        spaces = self.collection("", "namespaces")
        entry = spaces.get("", namespace)
        if entry is None or b'"deletionTimestamp"' not in entry.raw:
            return
        for collection in self.collections.values():
            if next(collection.scan(namespace), None) is not None:
                return
        spaces.remove(entry)

    def _crd_changed(self, event: Event) -> None:
        document = read(event.entry)
        if event.type != "DELETED":
            self._serve_custom(document)
            return
        group, plural = document["spec"]["group"], document["spec"]["names"]["plural"]
        for served in [key for key in self.custom if (key[0], key[2]) == (group, plural)]:
            del self.custom[served]
        collection = self.collections.get((group, plural))
        for entry in list(collection.entries.values()) if collection else ():
            self.delete(self.collection(group, plural), entry)

    def _serve_custom(self, document: Json) -> None:
        spec = document["spec"]
        names, group = spec["names"], spec["group"]
        for version in spec.get("versions") or []:
            schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            if not version.get("served", True):
                self.custom.pop((group, version["name"], names["plural"]), None)
                continue
            self.custom[(group, version["name"], names["plural"])] = Resource(
                group=group,
                version=version["name"],
                kind=names["kind"],
                plural=names["plural"],
                namespaced=spec.get("scope", "Namespaced") == "Namespaced",
                short=tuple(names.get("shortNames") or ()),
                subresources=tuple(version.get("subresources") or ()),
                categories=tuple(names.get("categories") or ()),
                custom=True,
                list_maps=list_maps(schema),
                columns=tuple(version.get("additionalPrinterColumns") or ()),
            )

    def require_namespace(self, namespace: str) -> None:
        """Refuse a write into a namespace that is missing or on its way out."""
        entry = self.collection("", "namespaces").get("", namespace)
        if entry is None:
            raise ApiError(
                404,
                "NotFound",
                f'namespaces "{namespace}" not found',
                details={"name": namespace, "kind": "namespaces"},
            )
        if b'"deletionTimestamp"' in entry.raw:
            raise ApiError(
                403,
                "Forbidden",
                f"unable to create new content in namespace {namespace} because it is being terminated",
                details={"name": namespace, "kind": "namespaces"},
            )
