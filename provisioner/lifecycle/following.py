"""What time does to suspended and scheduled owners: their runtimes follow, batch by batch, and then they are closed.

A round is due by an index, and claimed for a while, so that two ticks share the work; each runtime is a transaction of its own.
Whatever dies between two of them is gone on with in the next round: what has followed already is not looked at again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import State
from provisioner.lifecycle import closing, queries
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.locks import lock_runtime, lock_usage_of
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Suspension

log = structlog.get_logger(__name__)

MOST_OWNERS, MOST_RUNTIMES = 20, 100  # in one round
ROUND_SECONDS = 20.0
CLAIM = timedelta(minutes=2)
LOOK_AGAIN = timedelta(seconds=30)  # while runtimes are on their way
GONE_ALREADY = frozenset({"runtime_not_found", "runtime_gone", "runtime_deprovisioning"})


def tick() -> int:
    """Do what is due, and return how many owners were looked at."""
    claimed = _claim()
    for standing_id, until in claimed:
        _look_at(standing_id, until)
    return len(claimed)


@transaction.atomic
def _claim() -> list[tuple[UUID, datetime]]:
    now = utcnow()
    with connection.cursor() as cursor:
        cursor.execute(queries.CLAIM_STANDINGS, {"now": now, "until": now + CLAIM, "most": MOST_OWNERS})
        return list(cursor.fetchall())


def _look_at(standing_id: UUID, until: datetime) -> None:
    standing = Standing.objects.select_related("tenant", "account").get(pk=standing_id)
    end, problem, behind = time.monotonic() + ROUND_SECONDS, "", _behind(standing)
    seen: set[UUID] = set()
    while behind:
        faults = [fault for runtime_id in behind if (fault := _follow(standing, runtime_id))]
        problem = faults[0] if faults else problem
        seen.update(behind)
        if time.monotonic() > end:
            break
        behind = [runtime_id for runtime_id in _behind(standing) if runtime_id not in seen]
    _rest(standing, until, problem, more=bool(behind))


def _rest(standing: Standing, until: datetime, problem: str, *, more: bool) -> None:
    """Write when to look again; a door that was gone through meanwhile has said that already."""
    total, moving, failed = progress(standing)
    begun = _deletion_has_begun(standing)
    if begun and not total:
        problem = closing.close(standing.pk)
        if not problem:
            return
    with transaction.atomic():
        rows = Standing.objects.select_for_update(of=("self",)).select_related("tenant", "account")
        row: Standing | None = rows.filter(pk=standing.pk, due_at=until).first()
        if row is None:
            return
        if not begun and not row.ended_at:
            closing.remind(row, row.account or row.tenant)
        row.problem = problem[:300]
        row.due_at = _next(row, more=more, on_the_way=bool(begun or moving or failed))
        row.save()


def _next(row: Standing, *, more: bool, on_the_way: bool) -> datetime | None:
    now = utcnow()
    if more:
        return now
    if row.problem or (on_the_way and not row.ended_at):
        return now + LOOK_AGAIN
    if row.delete_after is None or row.ended_at:
        return None
    before = closing.next_reminder(row)
    return row.delete_after - before if before else row.delete_after


def _deletion_has_begun(standing: Standing) -> bool:
    return bool(standing.delete_after and not standing.ended_at and standing.delete_after <= utcnow())


def _behind(standing: Standing) -> Sequence[UUID]:
    """Return runtimes of the owner that are not where they belong, at most so many."""
    wanted = {
        "tenant": standing.tenant_id,
        "account": standing.account_id,
        "removes": _deletion_has_begun(standing),
        "most": MOST_RUNTIMES,
    }
    with connection.cursor() as cursor:
        cursor.execute(queries.BEHIND, wanted)
        return [row[0] for row in cursor.fetchall()]


def _follow(standing: Standing, runtime_id: UUID) -> str:
    """Bring one runtime to where it belongs; return what kept it from that, or an empty text."""
    try:
        with transaction.atomic():
            if _deletion_has_begun(standing):
                delete_runtime(actor=SYSTEM, runtime_id=runtime_id)
            else:
                follow_owners(runtime_id)
    except Refused as refused:
        if refused.code in GONE_ALREADY:
            return ""
        log.warning(
            "standing.runtime_stays", runtime=str(runtime_id), code=refused.code, reason=refused.detail
        )
        return refused.detail
    except DatabaseError as fault:  # a deadlock, a lost connection: the next round tries again
        log.warning("standing.database", runtime=str(runtime_id), reason=str(fault))
        return "The database did not answer in time."
    return ""


def follow_owners(runtime_id: UUID) -> None:
    """Suspend or resume a runtime as its tenant and account are now; both are share-locked, so neither turns meanwhile."""
    owner = lock_runtime(runtime_id)
    if owner is None:
        return
    lock_usage_of([owner[0]])
    with connection.cursor() as cursor:
        cursor.execute(queries.OWNERS_NOW, owner)
        states = cursor.fetchone()
    for why, state in zip((Suspension.TENANT, Suspension.ACCOUNT), states, strict=True):
        held = why in Runtime.objects.values_list("suspended_for", flat=True).get(pk=runtime_id)
        if state == State.SUSPENDED:
            suspend_runtime(actor=SYSTEM, runtime_id=runtime_id, reason=why)
        elif held:
            resume_runtime(actor=SYSTEM, runtime_id=runtime_id, reason=why)


def progress(standing: Standing) -> tuple[int, int, int]:
    """Return how many runtimes the owner has, how many of them are on their way or will be, and how many failed on it."""
    wanted = {
        "tenant": standing.tenant_id,
        "account": standing.account_id,
        "removes": _deletion_has_begun(standing),
    }
    with connection.cursor() as cursor:
        cursor.execute(queries.PROGRESS, wanted)
        total, moving, failed = cursor.fetchone()
    return total, moving, failed
