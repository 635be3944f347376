"""The objects of every endpoint: bytes at rest, one counter of versions, one history per collection."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from provisioner.simulator.errors import Json
from provisioner.simulator.history import BYTES_KEPT, Entry, Event, History
from provisioner.simulator.journal import Journal

Place = tuple[str, str]
Listener = Callable[["Collection", Event], None]


def read(entry: Entry) -> Json:
    """Return the object of an entry, fresh and safe to change."""
    document: Json = orjson.loads(entry.raw)
    return document


class Store:
    """The counter of resourceVersions and the way to the disk, shared by every endpoint."""

    def __init__(self, journal: Journal | None) -> None:
        self.journal = journal
        self.version = (journal.version if journal else 0) + 1000
        self.watch_epoch = 0

    def next_version(self) -> int:
        """Return a resourceVersion that was never handed out."""
        self.version += 1
        return self.version

    async def settled(self) -> None:
        """Return when every change so far survives a crash."""
        if self.journal is not None:
            await self.journal.settled()


class Collection:
    """All objects of one kind at one endpoint, in key order."""

    def __init__(self, store: Store, endpoint: str, key: tuple[str, str], kept: int = BYTES_KEPT) -> None:
        self.store = store
        self.endpoint = endpoint
        self.group, self.plural = key
        self.entries: dict[Place, Entry] = {}
        self.order: list[Place] = []
        self.history = History(store.version, kept)
        self.listener: Listener | None = None
        self.owned = 0
        self.quiet = False  # what is laid out before anybody can have looked is told to nobody

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, namespace: str, name: str) -> Entry | None:
        """Return one entry."""
        return self.entries.get((namespace, name))

    def scan(self, namespace: str = "", after: Place | None = None) -> Iterator[Entry]:
        """Yield entries in key order, of one namespace or all, behind `after`."""
        start: Place = after or (namespace, "")
        index = bisect.bisect_right(self.order, start) if after else bisect.bisect_left(self.order, start)
        for place in self.order[index:]:
            if namespace and place[0] != namespace:
                return
            entry = self.entries.get(place)
            if entry is not None:
                yield entry

    def rank(self, place: Place) -> int:
        """Return how many keys stand at or before a place."""
        return bisect.bisect_right(self.order, place)

    def documents(self, namespace: str = "") -> list[Json]:
        """Return every object, parsed."""
        return [read(entry) for entry in self.scan(namespace)]

    def put(self, document: Json, *, stored: bool = True) -> Entry:
        """Store an object under the next version and tell the watchers."""
        version = self.store.next_version()
        document["metadata"]["resourceVersion"] = str(version)
        entry = self._entry(document, version, stored=stored)
        place = (entry.namespace, entry.name)
        before = self.entries.get(place)
        self.entries[place] = entry
        self.owned += bool(entry.owners) - bool(before and before.owners)
        if before is None:
            bisect.insort(self.order, place)
        if stored:
            self._note(entry, entry.raw)
        if self.quiet:
            self.history.compact(version)
        else:
            self._tell(Event(version, "MODIFIED" if before else "ADDED", entry, before))
        return entry

    def load(self, raw: bytes) -> None:
        """Take in an object from disk, without an event."""
        document = orjson.loads(raw)
        entry = self._entry(document, int(document["metadata"]["resourceVersion"]), stored=True)
        place = (entry.namespace, entry.name)
        if place not in self.entries:
            bisect.insort(self.order, place)
        self.entries[place] = entry
        self.owned += bool(entry.owners)

    def remove(self, entry: Entry) -> Json:
        """Remove an entry for good; returns the last state, as the watchers see it."""
        place = (entry.namespace, entry.name)
        del self.entries[place]
        self.owned -= bool(entry.owners)
        del self.order[bisect.bisect_left(self.order, place)]
        version = self.store.next_version()
        document = read(entry)
        document["metadata"]["resourceVersion"] = str(version)
        last = self._entry(document, version, stored=entry.stored)
        if entry.stored:
            self._note(last, None)
        self._tell(Event(version, "DELETED", last, entry))
        return document

    def _entry(self, document: Json, version: int, *, stored: bool) -> Entry:
        metadata: dict[str, Any] = document["metadata"]
        return Entry(
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            version=version,
            raw=orjson.dumps(document),
            labels=metadata.get("labels") or {},
            owners=tuple(owner.get("uid", "") for owner in metadata.get("ownerReferences") or ()),
            stored=stored,
        )

    def _note(self, entry: Entry, raw: bytes | None) -> None:
        if self.store.journal is not None:
            key = (self.endpoint, self.group, self.plural, entry.namespace, entry.name)
            self.store.journal.write(key, entry.version, raw)

    def _tell(self, event: Event) -> None:
        self.history.append(event)
        if self.listener is not None:
            self.listener(self, event)
