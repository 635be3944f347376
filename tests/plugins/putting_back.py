"""Puts back what a test with transactions of its own wrote, instead of emptying every table.

Django's flush truncates: new files for every table and each of its indexes, over a second of a processor for what is a few rows.
Here the rows of those tables go that were written to, and the catalog, which is there from the start, comes back as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
from django.core.management.commands import flush
from django.db import connection

from tests.plugins.postgres import SUPERUSER

Sight = tuple[int, int]  # how many rows, and the youngest transaction that wrote one


class Kept:
    """What stood in this process's database before its first test. A superuser looks: for no other row-level security is off."""

    def __init__(self, link: psycopg.Connection) -> None:
        self.link = link
        self.rows: dict[str, bytes] = {}  # as COPY writes them
        self.tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self.seen = self._look()
        for table, (count, _) in self.seen.items():
            if count:
                with link.cursor().copy(f'COPY "{table}" TO STDOUT'.encode()) as copy:
                    self.rows[table] = b"".join(bytes(block) for block in copy)

    def _look(self) -> dict[str, Sight]:
        """Look at all that flush would empty, in one statement; an update is seen by its transaction's number."""
        query = " UNION ALL ".join(
            f"SELECT '{table}', count(*), coalesce(max(xmin::text::bigint), 0) FROM \"{table}\""
            for table in self.tables
        )
        return {table: (count, youngest) for table, count, youngest in self.link.execute(query.encode())}

    def put_back(self, *_: object, **_options: object) -> None:
        """Take the place of flush. As TRUNCATE would, it waits for whoever still writes."""
        with self.link.transaction():
            everything = ", ".join(f'"{table}"' for table in self.tables)
            self.link.execute(f"LOCK TABLE {everything} IN EXCLUSIVE MODE".encode())
            self.link.execute("SET LOCAL session_replication_role = replica")  # no triggers, so in any order
            changed = [table for table, sight in self._look().items() if self.seen[table] != sight]
            for table in changed:
                self.link.execute(f'DELETE FROM "{table}"'.encode())
                if table in self.rows:
                    with self.link.cursor().copy(f'COPY "{table}" FROM STDIN'.encode()) as copy:
                        copy.write(self.rows[table])
            self.seen = self._look()


@contextmanager
def putting_back() -> Iterator[None]:
    """Let Django's flush put back what is there now. On somebody else's server it goes on to empty every table."""
    if SUPERUSER not in os.environ:
        yield
        return
    settings = connection.settings_dict
    host = settings["OPTIONS"].get("host") or settings["HOST"]
    address = {"host": host, "dbname": settings["NAME"], "user": os.environ[SUPERUSER]}
    with (
        psycopg.connect(**address, autocommit=True) as link,
        patch.object(flush.Command, "handle", Kept(link).put_back),
    ):
        yield
