"""The sweep: what heals by itself. Its cost follows what changed, not how much there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from controlplane.tenants.isolation import prepared
from provisioner.landscapes import breaker
from provisioner.operations import flowbook, settling, transport
from provisioner.operations import waking_queries as queries

SWEEP_LOCK = 0x4E45534F49  # "NESOI": the advisory lock's number, the same in every process
MOST_PERMITS = 32  # in the broker by our doing; each lets a worker take as many operations as it finds
MOST_PERMITS_BEHIND = 4  # of these for the background, every time: who finds enough to do sends the next one
MOST_WOKEN = 1000  # by the end of an outage; the others come by their own time


@dataclass(frozen=True)
class Swept:
    """What one sweep found; `skipped` when another one was at it."""

    ended_waits: int = 0
    started_orphans: int = 0
    due: int = 0
    permits: int = 0
    skipped: bool = False


def sweep() -> Swept:
    """End waits whose time has come, start wishes left behind, and send permits for what is due."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.SWEEP_LOCK, {"key": SWEEP_LOCK})
        if not cursor.fetchone()[0]:
            return Swept(skipped=True)
        cursor.execute(queries.END_WAITS)
        ended = cursor.rowcount
        cursor.execute(queries.START_ORPHANS, {"starts": flowbook.starts()})
        orphans = cursor.rowcount
        cursor.execute(queries.COUNT_DUE, {"most": MOST_PERMITS, "few": MOST_PERMITS_BEHIND})
        due = cursor.fetchone()[0]
    return Swept(ended, orphans, due, permits=_permit(due))


def _permit(due: int) -> int:
    """Fill up the broker's permits to what is due: what workers are too busy to read is not sent again."""
    missing = due - transport.depth() if due else 0
    sent = 0
    while sent < missing and transport.send(UUID(int=0)):
        sent += 1
    return sent


def end_waits_of(runtime_ids: list[UUID]) -> int:
    """Settle what was only waiting for the sight that was just written, make due what waits otherwise; return how many."""
    params: dict[str, Any] = {"runtimes": runtime_ids}
    with transaction.atomic():
        prepared.rows(queries.COUNT_WAKE, params)
        settled = settling.settle_seen(runtime_ids)
        woken = [row["id"] for row in prepared.rows(queries.END_WAITS_OF, params)]
    if settled:  # what is left of them is not urgent: one worker begins, the sweep sends for more
        transport.send_on_commit(settled[0])
    return len(settled) + _woken(woken)


def end_refusals_of(landscape_id: UUID, most: int = MOST_WOKEN) -> int:
    """Make due what was refused while the landscape did not answer; return how many, at most `most`."""
    params: dict[str, Any] = {"landscape": landscape_id, "most": most}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.END_REFUSALS_OF, params)
        return _woken([row[0] for row in cursor.fetchall()])


def heard_of(landscape_id: UUID) -> bool:
    """Have one operation look whether a landscape that was just heard of answers calls, too; True when one may."""
    return breaker.invite_probe(landscape_id) and end_refusals_of(landscape_id, most=1) > 0


def _woken(operation_ids: list[UUID]) -> int:
    for operation_id in operation_ids[:MOST_PERMITS]:
        transport.send_on_commit(operation_id)
    return len(operation_ids)
