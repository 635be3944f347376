"""A landscape's circuit breaker: what its answers and silences do to it."""

from __future__ import annotations

import random
from uuid import UUID

import structlog
from django.db import connection

from controlplane.kernel.errors import Fatal, Retry
from provisioner.landscapes import queries

log = structlog.get_logger(__name__)

THRESHOLD = 5  # faults in a row
OPEN_SECONDS = 15.0


def record_fault(landscape_id: UUID, reason: str) -> bool:
    """Count a fault of the landscape itself; True when its breaker is open now."""
    seconds = OPEN_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the probes of many landscapes
    with connection.cursor() as cursor:
        cursor.execute(
            queries.FAULT,
            {"id": landscape_id, "threshold": THRESHOLD, "seconds": seconds, "reason": reason[:300]},
        )
        row = cursor.fetchone()
    return row is not None and row[0] == "open"


def report(landscape_id: UUID, key: str, outcome: object, *, suspect: bool) -> bool:
    """Tell what a call that `budget.take` allowed came to; an unforeseen exception proves neither an answer nor a silence.

    True when it was the probe that closed the breaker: whoever was refused may come back at once.
    """
    if isinstance(outcome, Retry) and outcome.landscape_fault:
        if record_fault(landscape_id, str(outcome)):
            log.warning("landscape_not_answering", landscape=key, reason=str(outcome))
    elif suspect and (not isinstance(outcome, Exception) or isinstance(outcome, Retry | Fatal)):
        return record_success(landscape_id)
    return False


def record_success(landscape_id: UUID) -> bool:
    """Forget the faults: call it only after an answer to a suspect call (see `budget.Allowed`); True when that closed it."""
    with connection.cursor() as cursor:
        cursor.execute(queries.SUCCESS, {"id": landscape_id})
        row = cursor.fetchone()
    return row is not None and row[0] == "half_open"


def invite_probe(landscape_id: UUID) -> bool:
    """Let the next call through as the probe, for the landscape was heard of; True when its breaker was open."""
    with connection.cursor() as cursor:
        cursor.execute(queries.INVITE, {"id": landscape_id})
        return bool(cursor.rowcount)
