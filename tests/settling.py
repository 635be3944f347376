"""Waits until PostgreSQL has nothing older under way: its horizon is one for all the databases that tests use at once."""

from __future__ import annotations

import time

from django.db import connection


def settle(seconds: float = 120) -> None:
    """Return when every transaction that had begun before this call has ended, whoever's it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        mark = cursor.fetchone()[0]
        end = time.monotonic() + seconds
        while True:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > %s", [mark])
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < end, "a transaction of somebody else does not end"
            time.sleep(0.02)
