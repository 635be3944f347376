"""Forgets messages after their days: notices sent or not, events that wait for nothing any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.notices import queries

MOST = 1000  # in one transaction
ROUNDS = 20  # of one task: the next one goes on
# Who announces looks back a week: an event that was forgotten earlier would be told again.
LEAST_WEBHOOK_DAYS = 14


def prune() -> int:
    """Delete what is older than its days, and return how many; any number of copies may run.

    `NOTICE_DAYS` for notices and e-mails, `WEBHOOK_DAYS` for events that were delivered or given up.
    """
    webhook_days = max(settings.WEBHOOK_DAYS, LEAST_WEBHOOK_DAYS)
    deleted = 0
    for statement, days in (
        (queries.PRUNE_NOTICES, settings.NOTICE_DAYS),
        (queries.PRUNE_MAIL, settings.NOTICE_DAYS),
        (queries.PRUNE_WEBHOOK_DELIVERIES, webhook_days),
    ):
        wanted: dict[str, Any] = {"before": _first_id(utcnow() - timedelta(days=days)), "most": MOST}
        for _ in range(ROUNDS):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, wanted)
                gone = cursor.rowcount
            deleted += gone
            if gone < MOST:
                break
    return deleted


def _first_id(moment: datetime) -> UUID:
    """Ids are UUIDs of version 7: they begin with the millisecond in which they were made."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
