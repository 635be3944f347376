"""The SQL that matters here, by name."""

from __future__ import annotations

from django.db import connection

from controlplane.tenants.isolation import prepared

# Which revision is in force: asked on every request, so one descending step into the primary key's index.
LATEST_REVISION = "SELECT number, applied_at FROM catalog_revision ORDER BY number DESC LIMIT 1"

# One apply at a time: the second waits, then sees what the first wrote. Released when the transaction ends.
LOCK_APPLY = "SELECT pg_advisory_xact_lock(hashtext('catalog apply'))"


def latest_revision() -> tuple[int, str] | None:
    """Number and moment of the newest revision, or None where nothing was applied yet."""
    rows = prepared.rows(LATEST_REVISION, ())
    return (rows[0]["number"], rows[0]["applied_at"].isoformat()) if rows else None


def lock_apply() -> None:
    """Wait for the right to apply; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_APPLY)
