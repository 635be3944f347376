"""Folds a landscape's events into what is worth writing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from controlplane.kernel.ids import parse_uuid
from provisioner.drivers.base import Event, EventType, Observed

MOST = 500  # rows of one batch


def content_of(observed: Observed) -> dict[str, Any]:
    """Return what is kept in `Runtime.status`: the sight without its version, which changes even when nothing else does."""
    content = observed.as_json()
    del content["version"]
    return content


def runtime_of(observed: Observed) -> UUID | None:
    """Return the id that the cluster's owner tag spells."""
    return parse_uuid(observed.owner.get("runtime", ""))


def lag_since(moment: str, present: datetime) -> float:
    """Return the seconds since an RFC 3339 moment of the landscape's clock; zero when it can't be read or is ahead of ours."""
    try:
        return max((present - datetime.fromisoformat(moment)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


@dataclass(frozen=True)
class Change:
    """One runtime's newest sight."""

    runtime_id: UUID
    name: str
    status: Mapping[str, Any]
    version: str
    digest: int
    seen: Observed = field(compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """As the batch's SQL takes it."""
        return {"id": str(self.runtime_id), "name": self.name, "status": self.status, "version": self.version}


@dataclass
class Batch:
    """Changes since the last write, one per runtime: the newest wins.

    `known` remembers what was last handed to the database, so that a sight which says nothing new (a heartbeat, a fence) costs
    no SQL. A sight refused there for its age is followed by the newer one, for a watch replays to the end.
    """

    known: dict[UUID, int] = field(default_factory=dict)
    changes: dict[UUID, Change] = field(default_factory=dict)
    everything: bool = False  # write even what is known

    def __len__(self) -> int:
        return len(self.changes)

    def add(self, event: Event) -> None:
        """Take in a SEEN or GONE event; others, and clusters without a readable owner, say nothing about a runtime."""
        seen = event.observed
        if seen is None or event.type not in {EventType.SEEN, EventType.GONE}:
            return
        runtime_id = runtime_of(seen)
        if runtime_id is None:
            return
        status = content_of(seen)
        digest = hash(orjson.dumps(status))
        if not self.everything and self.known.get(runtime_id) == digest:
            self.changes.pop(runtime_id, None)
            return
        self.changes[runtime_id] = Change(runtime_id, seen.name, status, event.version, digest, seen)

    def written(self) -> None:
        """Remember and forget: the changes are in the database."""
        self.known.update((change.runtime_id, change.digest) for change in self.changes.values())
        self.changes.clear()
