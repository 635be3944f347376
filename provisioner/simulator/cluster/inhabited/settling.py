"""Brings a cluster's inhabitants to what they should be now; what users made or deleted stays theirs until it is forgotten."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.simulator.cluster.inhabited.objects import KINDS, MADE
from provisioner.simulator.endpoint import Endpoint, Key
from provisioner.simulator.errors import Json
from provisioner.simulator.store import read

SAID = ("spec", "status")


def settle(endpoint: Endpoint, wanted: Iterable[tuple[Key, Json]]) -> None:
    """Remove inhabitants that left, add those that came, change those that grew; an object of a user's keeps its name."""
    by_kind: dict[Key, dict[tuple[str, str], Json]] = {key: {} for key in KINDS}
    for key, document in wanted:
        metadata = document["metadata"]
        by_kind[key][(metadata.get("namespace", ""), metadata["name"])] = document
    for key, documents in by_kind.items():
        collection = endpoint.collection(*key)
        for entry in list(collection.entries.values()):
            ours = entry.labels.get(MADE[0]) == MADE[1]
            place = (entry.namespace, entry.name)
            if place not in documents:
                if ours:
                    collection.remove(entry)
                continue
            document, kept = documents.pop(place), read(entry)
            if ours and any(kept.get(name) != document.get(name) for name in SAID):
                collection.put(document, stored=False)
        for document in documents.values():
            collection.put(document, stored=False)
