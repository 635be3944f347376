"""Durability: every change reaches SQLite before its request is answered, many changes per commit."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

Key = tuple[str, str, str, str, str]
GATHER_SECONDS = 0.002
SCHEMA = """
create table if not exists objects (
    endpoint text not null, grp text not null, plural text not null, namespace text not null,
    name text not null, version integer not null, raw blob not null,
    primary key (endpoint, grp, plural, namespace, name)) without rowid;
create table if not exists facts (name text primary key, value text not null) without rowid;
"""


class CorruptStateError(Exception):
    """The database file cannot be read; the message says what to do."""


class Journal:
    """Write-behind with group commit; WAL keeps what was committed through kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise CorruptStateError(
                f"cannot read {path} ({error}); move it away or delete it to start with an empty landscape"
            ) from error
        self._pending: dict[Key, tuple[int, bytes | None]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._gathering: asyncio.Future[None] | None = None
        self._committing: asyncio.Future[None] | None = None
        self.version = int(self.fact("version") or 0)

    def fact(self, name: str) -> str | None:
        """Return one stored fact (keys, the last version)."""
        row = self._db.execute("select value from facts where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Store one fact at once."""
        self._db.execute("insert or replace into facts values (?, ?)", (name, value))

    def load(self, endpoint: str) -> list[tuple[str, str, bytes]]:
        """Return (group, plural, raw) of every object of an endpoint; call only when `idle`."""
        query = "select grp, plural, raw from objects where endpoint = ? order by version"
        try:
            return self._db.execute(query, (endpoint,)).fetchall()
        except sqlite3.DatabaseError as error:
            raise CorruptStateError(
                f"cannot read {self.path} ({error}); move it away or delete it to start empty"
            ) from error

    @property
    def idle(self) -> bool:
        """Say whether everything is on disk."""
        return self._gathering is None and self._committing is None

    def write(self, key: Key, version: int, raw: bytes | None) -> None:
        """Note a change (None removes); it is durable once `settled` returns."""
        self._pending[key] = (version, raw)
        self.version = version
        if self._gathering is not None:
            return
        loop = asyncio.get_running_loop()
        self._gathering = loop.create_future()
        if self._committing is None:
            # A little later, so that changes made together share a commit.
            loop.call_later(GATHER_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        batch, self._pending = self._pending, {}
        self._committing, self._gathering = self._gathering, None
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, batch, self.version)
        work.add_done_callback(self._finished)

    def _finished(self, work: asyncio.Future[None]) -> None:
        committed, self._committing = self._committing, None
        if committed is not None and not committed.done():
            error = work.exception()
            if error is None:
                committed.set_result(None)
            else:
                committed.set_exception(error)
                committed.exception()
        if self._gathering is not None:
            self._hand_over()

    def _commit(self, batch: dict[Key, tuple[int, bytes | None]], version: int) -> None:
        rows = [(*key, number, raw) for key, (number, raw) in batch.items() if raw is not None]
        gone = [key for key, (_, raw) in batch.items() if raw is None]
        self._db.execute("begin immediate")
        try:
            self._db.executemany("insert or replace into objects values (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany(
                "delete from objects where endpoint = ? and grp = ? and plural = ? and namespace = ? "
                "and name = ?",
                gone,
            )
            self._db.execute("insert or replace into facts values ('version', ?)", (str(version),))
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    async def settled(self) -> None:
        """Return when everything noted so far is committed; raises what the commit raised."""
        waiting = self._gathering or self._committing
        if waiting is not None:
            await asyncio.shield(waiting)

    def catch_up(self) -> None:
        """Block until everything handed to the disk is there, and hand over the rest: before a `load`."""
        self._thread.submit(lambda: None).result()
        if self._pending:
            batch, self._pending = self._pending, {}
            self._commit(batch, self.version)

    def forget(self, endpoint: str) -> None:
        """Drop a whole endpoint: its cluster is gone."""
        for key in [key for key in self._pending if key[0] == endpoint]:
            del self._pending[key]
        self._thread.submit(self._db.execute, "delete from objects where endpoint = ?", (endpoint,))

    def close(self) -> None:
        """Commit what is left and close the file."""
        self._thread.shutdown(wait=True)
        if self._pending:
            self._commit(self._pending, self.version)
        self._db.close()
