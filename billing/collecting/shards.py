"""Copies of the collector share the runtimes: every shard has one reader, and whose it is follows from who is there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import TYPE_CHECKING

from django.db import connection

from billing.collecting import queries
from billing.collecting.targets import SHARDS

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


def reader_of(shard: int, copies: Collection[int]) -> int:
    """Return whose turn a shard is; when one comes or leaves, only its own share moves (rendezvous hashing)."""
    return max(copies, key=lambda copy: blake2b(f"{shard}/{copy}".encode(), digest_size=8).digest())


class Shards:
    """The shards that this copy reads. Every call comes from one thread, whose database session holds the locks."""

    def __init__(self) -> None:
        self.held: frozenset[int] = frozenset()
        self.copies = 0
        self._leaving: frozenset[int] = frozenset()  # locked still, read no more
        self._session: int | None = None

    def refresh(self, giving: Callable[[], bool]) -> frozenset[int]:
        """Take what is ours by now and free, give what is another's; raises Error of the database, with all locks lost.

        What is to be given is read no more from now on, and goes at the next look, once `giving` says that all that was read
        of it is stored: whoever takes a shard asks the store who was read already. So do we, where it is ours again by then.
        """
        with connection.cursor() as cursor:
            session, copies = self._present(cursor)
            if session != self._session:  # a new session holds nothing
                self.held, self._leaving, self._session = frozenset(), frozenset(), session
            ours = {shard for shard in range(SHARDS) if reader_of(shard, copies) == session}
            settled = self._leaving if self._leaving and giving() else frozenset()
            if spare := settled - ours:
                cursor.execute(queries.GIVE, {"shards": sorted(spare)})
                cursor.fetchall()
            kept, staying = (self.held | settled) & ours, self._leaving - settled
            cursor.execute(queries.TAKE, {"shards": sorted(ours - kept - staying)})
            self._leaving = staying | (self.held - ours)
            self.held = kept | {int(row[0]) for row in cursor.fetchall()}
            self.copies = len(copies)
        return self.held

    def _present(self, cursor: CursorWrapper) -> tuple[int, set[int]]:
        """Return our session, and those of all copies that are there."""
        cursor.execute(queries.ARRIVE)
        row = cursor.fetchone()
        session = int(row[0]) if row else 0
        cursor.execute(queries.COPIES)
        return session, {int(row[0]) for row in cursor.fetchall()} | {session}

    def leave(self) -> None:
        """Let the others have everything at once."""
        self.held, self._leaving, self._session = frozenset(), frozenset(), None
        with connection.cursor() as cursor:
            cursor.execute(queries.LEAVE)
