"""The SQL that matters here, by name."""

from __future__ import annotations

from django.db import connection

# Which revision is in force: asked on every request, so one descending step into the primary key's index.
LATEST_REVISION = "SELECT number, applied_at FROM catalog_revision ORDER BY number DESC LIMIT 1"

# One apply at a time: the second waits, then sees what the first wrote. Released when the transaction ends.
LOCK_APPLY = "SELECT pg_advisory_xact_lock(hashtext('catalog apply'))"


def latest_revision() -> tuple[int, str] | None:
    """Number and moment of the newest revision, or None where nothing was applied yet."""
    with connection.cursor() as cursor:
        cursor.execute(LATEST_REVISION)
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1].isoformat())


def lock_apply() -> None:
    """Wait for the right to apply; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_APPLY)
