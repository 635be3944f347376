"""The clusters that somebody speaks to just now."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from functools import partial

from provisioner.simulator.cluster.controllers import WATCHED, Controllers
from provisioner.simulator.cluster.inhabited.apps import Place
from provisioner.simulator.cluster.inhabited.objects import inhabitants
from provisioner.simulator.cluster.inhabited.rhythm import DAY
from provisioner.simulator.cluster.inhabited.settling import settle
from provisioner.simulator.cluster.inhabited.sizing import extra_nodes
from provisioner.simulator.cluster.metrics import measure
from provisioner.simulator.cluster.nodes import node, slots, stable_uid
from provisioner.simulator.cluster.preemption import staying
from provisioner.simulator.cluster.system import fixtures, pods
from provisioner.simulator.endpoint import Endpoint, Key, Strategy
from provisioner.simulator.errors import ApiError, Json
from provisioner.simulator.gardener.names import SHOOTS
from provisioner.simulator.history import Entry, Event
from provisioner.simulator.kinds import RUNTIME_KINDS
from provisioner.simulator.moments import stamp
from provisioner.simulator.store import Collection, Store, read

AWAKE_AT_MOST = 600
IDLE_SECONDS = 300.0
RESTORE_SECONDS = 0.2
ALIGN_SECONDS = 60.0  # how often the apps of a cluster follow the time of day


class Directory:
    """Builds a cluster's endpoint from its Shoot at first use, forgets it when it is idle."""

    def __init__(
        self, garden: Endpoint, store: Store, strategies: Mapping[Key, Strategy], controllers: Controllers
    ) -> None:
        self.garden = garden
        self.store = store
        self.strategies = strategies
        self.controllers = controllers
        self.settings = controllers.settings
        self.awake: dict[str, Endpoint] = {}

    def find(self, namespace: str, name: str) -> Endpoint:
        """Return a cluster's endpoint; raises 404 when there is none and 503 while it does not answer."""
        key, now = f"{namespace}/{name}", asyncio.get_running_loop().time()
        entry, endpoint = self.garden.collection(*SHOOTS).get(namespace, name), self.awake.get(key)
        late = self.settings.fill and endpoint is not None and now - endpoint.aligned_at > ALIGN_SECONDS
        # As long as its Shoot stays as it was at the last request, a cluster answers as it did.
        if endpoint is None or entry is None or endpoint.shoot_version != entry.version or late:
            endpoint = self._look(key, entry)
        endpoint.used_at = now
        return endpoint

    def _look(self, key: str, entry: Entry | None) -> Endpoint:
        if entry is None:
            raise ApiError(404, "NotFound", f"there is no cluster {key}")
        shoot = read(entry)
        status = shoot.get("status") or {}
        if not status.get("advertisedAddresses"):
            raise ApiError(503, "ServiceUnavailable", "the API server of this cluster does not answer yet")
        if status.get("hibernated"):
            raise ApiError(503, "ServiceUnavailable", "the API server of this cluster sleeps with it")
        endpoint = self.awake.get(key)
        if endpoint is None or endpoint.identity != shoot["metadata"]["uid"]:
            endpoint = self._wake(key, shoot)
        endpoint.shoot_version = entry.version
        if self.settings.fill and asyncio.get_running_loop().time() - endpoint.aligned_at > ALIGN_SECONDS:
            self._align(endpoint, shoot)
        return endpoint

    def _shoot(self, namespace: str, name: str) -> Json | None:
        entry = self.garden.collection(*SHOOTS).get(namespace, name)
        return read(entry) if entry else None

    def _wake(self, key: str, shoot: Json) -> Endpoint:
        self._make_room()
        endpoint = Endpoint(
            name=key,
            identity=shoot["metadata"]["uid"],
            version=shoot["spec"]["kubernetes"]["version"],
            store=self.store,
            kinds=RUNTIME_KINDS,
            strategies=self.strategies,
            virtual=partial(measure, self.settings),
            quiet=True,
        )
        if self.store.journal is not None and not self.store.journal.idle:
            self.store.journal.catch_up()
        endpoint.load()
        for place, document in fixtures(shoot):
            metadata = document["metadata"]
            if endpoint.collection(*place).get(metadata.get("namespace", ""), metadata["name"]) is None:
                metadata["creationTimestamp"] = shoot["metadata"]["creationTimestamp"]
                parts = (document["kind"], metadata.get("namespace", ""), metadata["name"])
                metadata["uid"] = stable_uid(shoot["metadata"]["uid"], *parts)
                endpoint.create(place, document, stored=False)
        self.awake[key] = endpoint
        self._align(endpoint, shoot)
        endpoint.open()
        endpoint.listener = self._noticed
        # Something of what is stored may have been in motion when it was forgotten.
        self.controllers.poke(endpoint, touched=WATCHED)
        return endpoint

    def _make_room(self) -> None:
        if len(self.awake) < AWAKE_AT_MOST:
            return
        now = asyncio.get_running_loop().time()
        for key, endpoint in sorted(self.awake.items(), key=lambda item: item[1].used_at):
            forgettable = self.store.journal is not None or not any(
                entry.stored for each in endpoint.collections.values() for entry in each.entries.values()
            )
            if endpoint.readers or self.controllers.busy(endpoint) or not forgettable:
                continue
            if len(self.awake) >= AWAKE_AT_MOST or now - endpoint.used_at > IDLE_SECONDS:
                del self.awake[key]
            else:
                return

    def _noticed(self, endpoint: Endpoint, collection: Collection, event: Event) -> None:
        """Tell the controllers, and have nodes and system pods that somebody deleted made again."""
        self.controllers.notice(endpoint, collection, event)
        ours = collection.plural == "nodes" or event.entry.labels.get("origin") == "gardener"
        if event.type == "DELETED" and ours:
            asyncio.get_running_loop().call_later(RESTORE_SECONDS, self._restore, endpoint)

    def _restore(self, endpoint: Endpoint) -> None:
        namespace, name = endpoint.name.split("/")
        shoot = self._shoot(namespace, name)
        if shoot is not None and self.awake.get(endpoint.name) is endpoint:
            self._align(endpoint, shoot, again=True)

    def shoot_changed(self, _garden: Endpoint, _collection: Collection, event: Event) -> None:
        """Let a cluster that is awake follow its Shoot."""
        key = f"{event.entry.namespace}/{event.entry.name}"
        if event.type == "DELETED":
            endpoint = self.awake.pop(key, None)
            if endpoint is not None:
                self.controllers.forget(endpoint)
            if self.store.journal is not None:
                self.store.journal.forget(key)
            return
        endpoint = self.awake.get(key)
        if endpoint is not None:
            shoot = read(event.entry)
            if shoot["status"].get("lastOperation", {}).get("state") == "Succeeded":
                self._align(endpoint, shoot)

    def _align(self, endpoint: Endpoint, shoot: Json, *, again: bool = False) -> None:
        """Make nodes and system pods what the Shoot says; what users changed on a node stays.

        `again` gives what was deleted another uid: kubectl waits for the old one to go.
        """
        endpoint.version = version = shoot["spec"]["kubernetes"]["version"]
        endpoint.aligned_at, at = asyncio.get_running_loop().time(), time.time()
        place = Place(self.settings.seed, endpoint.identity, self.settings.fill)
        extra = extra_nodes(shoot, place, at)
        nodes = [node(shoot, slot, version) for slot in slots(shoot, extra, int(at // DAY))]
        _follow(endpoint, ("", "nodes"), "", nodes, again=again)
        _follow(endpoint, ("", "pods"), "kube-system", list(pods(shoot, nodes, version)), again=again)
        hosts = [each["metadata"]["name"] for each in nodes if not each["spec"].get("taints")]
        settle(endpoint, staying(endpoint, inhabitants(shoot, place, hosts, at)))


def _follow(endpoint: Endpoint, key: Key, namespace: str, wanted: list[Json], *, again: bool) -> None:
    collection = endpoint.collection(*key)
    names = {each["metadata"]["name"] for each in wanted}
    for entry in list(collection.scan(namespace)):
        origin = key[1] == "nodes" or entry.labels.get("origin") == "gardener"
        if origin and entry.name not in names:
            collection.remove(entry)
    for document in wanted:
        existing = collection.get(namespace, document["metadata"]["name"])
        if existing is None:
            if again:
                document["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=stamp())
            collection.put(document, stored=False)
            continue
        kept = read(existing)
        changed = {**kept, "status": document["status"]}
        changed["metadata"] = {
            **kept["metadata"],
            "labels": {**kept["metadata"].get("labels", {}), **document["metadata"]["labels"]},
        }
        if key[1] == "pods":
            changed["spec"] = document["spec"]
        if changed != kept:
            collection.put(changed, stored=existing.stored)
