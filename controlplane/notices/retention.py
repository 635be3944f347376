"""Forgets messages after their days: sent or not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.notices import queries

MOST = 1000  # in one transaction
ROUNDS = 20  # of one task: the next one goes on


def prune() -> int:
    """Delete what is older than `NOTICE_DAYS`, and return how many; any number of copies may run."""
    before = utcnow() - timedelta(days=settings.NOTICE_DAYS)
    # Ids are UUIDs of version 7: they begin with the millisecond in which they were made.
    wanted: dict[str, Any] = {"before": UUID(int=int(before.timestamp() * 1000) << 80), "most": MOST}
    deleted = 0
    for statement in (queries.PRUNE_NOTICES, queries.PRUNE_MAIL):
        for _ in range(ROUNDS):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, wanted)
                gone = cursor.rowcount
            deleted += gone
            if gone < MOST:
                break
    return deleted
