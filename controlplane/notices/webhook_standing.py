"""How deliveries to addresses stand: when one arrived last, since when they fail and why, and when the next is tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

# A try that failed and is repeated fails now; what was given up, as long as nothing arrived since. An address's rows by
# webhook_delivery_once, of the days that events are kept.
STANDING = """
WITH mine AS (
    SELECT webhook_id, id, state, next_at, last_status, last_error, created_at, sent_at,
        max(sent_at) OVER (PARTITION BY webhook_id) AS delivered_at
    FROM notices_webhook_delivery WHERE webhook_id = ANY(%(webhooks)s)
),
judged AS (
    SELECT mine.*, (state = 'queued' AND last_error <> '')
        OR (state = 'failed' AND (delivered_at IS NULL OR created_at > delivered_at)) AS fails
    FROM mine
)
SELECT webhook_id, max(delivered_at), min(created_at) FILTER (WHERE fails),
    coalesce((array_agg(last_error ORDER BY id DESC) FILTER (WHERE fails))[1], ''),
    (array_agg(last_status ORDER BY id DESC) FILTER (WHERE fails))[1],
    min(next_at) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'queued'),
    count(*) FILTER (WHERE state = 'failed')
FROM judged GROUP BY webhook_id
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How deliveries to one address stand; without `failing_since` nothing fails."""

    delivered_at: datetime | None = None  # the last one that arrived
    failing_since: datetime | None = None  # when the first event happened that doesn't arrive
    last_error: str = ""
    last_status: int | None = None  # None too where nobody answered
    next_try_at: datetime | None = None
    waiting: int = 0
    given_up: int = 0


NOTHING = Standing()


def standing_of(webhooks: Iterable[UUID]) -> dict[UUID, Standing]:
    """Return how deliveries stand, by address, of those that were told anything; as far as the present scope sees them."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, {"webhooks": list(webhooks)})
        return {webhook: Standing(*rest) for webhook, *rest in cursor.fetchall()}
