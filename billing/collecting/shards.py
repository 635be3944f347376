"""Copies of the collector share the runtimes: every shard has one reader, and whose it is follows from who is there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b

from django.db import connection

from billing.collecting import queries
from billing.collecting.targets import SHARDS


def reader_of(shard: int, copies: Collection[int]) -> int:
    """Return whose turn a shard is; when one comes or leaves, only its own share moves (rendezvous hashing)."""
    return max(copies, key=lambda copy: blake2b(f"{shard}/{copy}".encode(), digest_size=8).digest())


class Shards:
    """The shards that this copy reads. Every call comes from one thread, whose database session holds the locks."""

    def __init__(self) -> None:
        self.held: frozenset[int] = frozenset()
        self.copies = 0
        self._session: int | None = None

    def refresh(self, giving: Callable[[], object]) -> frozenset[int]:
        """Take what is ours by now and free, give what is another's; raises Error of the database, with all locks lost.

        Before it gives it calls `giving`: whoever takes a shard asks the store who was read already.
        """
        with connection.cursor() as cursor:
            cursor.execute(queries.ARRIVE)
            row = cursor.fetchone()
            session = int(row[0]) if row else 0
            if session != self._session:  # a new session holds nothing
                self.held, self._session = frozenset(), session
            cursor.execute(queries.COPIES)
            copies = {int(row[0]) for row in cursor.fetchall()} | {session}
            ours = {shard for shard in range(SHARDS) if reader_of(shard, copies) == session}
            if spare := self.held - ours:
                giving()
                cursor.execute(queries.GIVE, {"shards": sorted(spare)})
                cursor.fetchall()
            kept = self.held & ours
            cursor.execute(queries.TAKE, {"shards": sorted(ours - kept)})
            self.held = frozenset(kept | {int(row[0]) for row in cursor.fetchall()})
            self.copies = len(copies)
        return self.held

    def leave(self) -> None:
        """Let the others have everything at once."""
        self.held, self._session = frozenset(), None
        with connection.cursor() as cursor:
            cursor.execute(queries.LEAVE)
