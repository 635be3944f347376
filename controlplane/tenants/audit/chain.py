"""What a seal is over: the content of each row, in the order of its commit, and everything sealed before. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

HASH_BYTES = 32
LINK_BYTES = 16 + HASH_BYTES
BEGINNING = bytes(HASH_BYTES)  # what the first seal of a chain follows
START = (-1, UUID(int=0))  # before every row: (transaction number, id)
_FORMAT = b"nesoi audit 1"


@dataclass(frozen=True)
class Row:
    """One row of the trail, as the database holds it now."""

    id: UUID
    tenant_id: UUID | None
    at: datetime
    actor: str
    on_behalf_of: str
    action: str
    target_type: str
    target_id: str
    changes: Any
    request_id: str
    address: str
    outcome: str
    tx: int

    @classmethod
    def read(cls, values: Sequence[Any]) -> Row:
        """Take a row of queries.SETTLED or queries.STRETCH."""
        known = dict(zip((one.name for one in fields(cls)), values, strict=True))
        if isinstance(known["changes"], str):
            known["changes"] = json.loads(known["changes"])
        return cls(**known)

    @property
    def place(self) -> tuple[int, UUID]:
        """Where it stands in the order of commits."""
        return self.tx, self.id

    def content_hash(self) -> bytes:
        """Return the SHA-256 of its canonical JSON: sorted keys, no blanks, times in UTC with microseconds."""
        content = {
            "id": str(self.id),
            "tenant": str(self.tenant_id or ""),
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": self.actor,
            "on_behalf_of": self.on_behalf_of,
            "action": self.action,
            "target": [self.target_type, self.target_id],
            "changes": self.changes,
            "request_id": self.request_id,
            "address": self.address,
            "outcome": self.outcome,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(_FORMAT + text.encode()).digest()


def links_of(rows: Sequence[Row]) -> bytes:
    """Return id and content hash of each row, one behind the other."""
    return b"".join(row.id.bytes + row.content_hash() for row in rows)


def read_links(links: bytes) -> Iterator[tuple[UUID, bytes]]:
    """Yield what `links_of` wrote."""
    for start in range(0, len(links), LINK_BYTES):
        yield UUID(bytes=links[start : start + 16]), links[start + 16 : start + LINK_BYTES]


def seal_hash(chain: UUID | None, first_position: int, previous: bytes, links: bytes) -> bytes:
    """Return the SHA-256 over a stretch and everything before it."""
    start = (chain.bytes if chain else bytes(16)) + first_position.to_bytes(8)
    return hashlib.sha256(_FORMAT + start + previous + links).digest()
