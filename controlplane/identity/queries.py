"""The SQL of what every request of a signed-in person does: see whether their session still stands."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

# Rides on the unique index of the digest.
STANDS = "SELECT id, user_id, seen_at, expires_at FROM identity_usersession WHERE digest = %s"


class Found(NamedTuple):
    """What is looked at of a session."""

    id: UUID
    user_id: UUID
    seen_at: datetime
    expires_at: datetime


def session_of(digest: bytes) -> Found | None:
    """Return the session with this digest, or None."""
    with connection.cursor() as cursor:
        cursor.execute(STANDS, [digest])
        row = cursor.fetchone()
    return Found(*row) if row else None
