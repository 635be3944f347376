"""Events of a cluster: told to whoever looks, not kept over a restart."""

from __future__ import annotations

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.moments import stamp

KEPT = 200


def tell(endpoint: Endpoint, about: Json, reason: str, message: str, *, warning: bool = False) -> None:
    """Write an Event about an object; the oldest go beyond a bound."""
    collection = endpoint.collection("", "events")
    metadata, now = about["metadata"], stamp()
    space = metadata.get("namespace", "default")
    document: Json = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{endpoint.store.version:x}", "namespace": space},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": space,
            "uid": metadata["uid"],
        },
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": "simulator"},
    }
    endpoint.create(("", "events"), document, stored=False)
    while len(collection) > KEPT:
        oldest = min(collection.entries.values(), key=lambda entry: entry.version)
        collection.remove(oldest)
