"""Where people are signed in."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import COUNT, ID, MAYBE_TEXT, MOMENT, TEXT, Shape, page_of, record
from controlplane.identity.models import UserSession
from controlplane.kernel.clock import rfc3339

SESSION = Shape(
    "Session",
    record(
        {
            "id": ID,
            "agent": {**TEXT, "description": "Browser and system, as far as they told."},
            "address": TEXT,
            "provider": {
                **MAYBE_TEXT,
                "description": "The identity provider's name; null: a password, a link, or one that you don't see.",
            },
            "began_at": MOMENT,
            "seen_at": {**MOMENT, "description": "To five minutes."},
            "expires_at": MOMENT,
        },
        description="One browser in which a person is signed in; what proves it is told nowhere.",
    ),
)
SESSION_LIST = page_of(SESSION)
SESSIONS_ENDED = Shape(
    "SessionsEnded", record({"ended": COUNT}, description="How many sessions are over now.")
)


def session_json(row: UserSession) -> dict[str, Any]:
    """Return a session as read; reads `provider` of the row."""
    return {
        "id": str(row.id),
        "agent": row.agent,
        "address": row.address,
        "provider": row.provider.name if row.provider else None,
        "began_at": rfc3339(row.began_at),
        "seen_at": rfc3339(row.seen_at),
        "expires_at": rfc3339(row.expires_at),
    }
