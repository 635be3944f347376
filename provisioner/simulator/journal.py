"""Durability: every change reaches SQLite before its request is answered, many changes per commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

Key = tuple[str, str, str, str, str]
TIDY_COMMITS = 500
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
    """One commit for all that a turn of the loop has changed; WAL keeps what was committed through kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.execute("pragma wal_autocheckpoint=0")  # see `_tidy`
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise CorruptStateError(
                f"cannot read {path} ({error}); move it away or delete it to start with an empty landscape"
            ) from error
        self._pending: dict[Key, tuple[int, bytes | None]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._tidying = threading.Lock()
        self._since_tidy = 0
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
        return self._committing is None

    def write(self, key: Key, version: int, raw: bytes | None) -> None:
        """Note a change (None removes); it is durable once `settled` returns."""
        self._pending[key] = (version, raw)
        self.version = version
        if self._committing is None:
            loop = asyncio.get_running_loop()
            self._committing = loop.create_future()
            loop.call_soon(self._finish)

    def _finish(self) -> None:
        """Commit what this turn of the loop has changed: a tenth of a millisecond, where a thread would cost five times that."""
        committed, self._committing = self._committing, None
        error: Exception | None = None
        try:
            self.catch_up()
        except sqlite3.Error as caught:
            error = caught
        if committed is not None and not committed.done():
            if error is None:
                committed.set_result(None)
            else:
                committed.set_exception(error)
                committed.exception()
        elif error is not None:
            raise error

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
        self._tidy()

    async def settled(self) -> None:
        """Return when everything noted so far is committed; raises what the commit raised."""
        if self._committing is not None:
            await asyncio.shield(self._committing)

    def catch_up(self) -> None:
        """Commit what is pending now: before a `load`."""
        if self._pending:
            batch, self._pending = self._pending, {}
            self._commit(batch, self.version)

    def _tidy(self) -> None:
        """Bring the log into the file, which may wait for the disk: beside the loop, every so many commits."""
        self._since_tidy += 1
        if self._since_tidy >= TIDY_COMMITS and not self._tidying.locked():
            self._since_tidy = 0
            self._thread.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        with self._tidying, closing(sqlite3.connect(self.path, timeout=10)) as aside:
            aside.execute("pragma wal_checkpoint(passive)")

    def forget(self, endpoint: str) -> None:
        """Drop a whole endpoint: its cluster is gone."""
        for key in [key for key in self._pending if key[0] == endpoint]:
            del self._pending[key]
        self._db.execute("delete from objects where endpoint = ?", (endpoint,))

    def close(self) -> None:
        """Commit what is left and close the file."""
        self.catch_up()
        self._thread.shutdown(wait=True)
        self._db.close()
