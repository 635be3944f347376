"""What happens as a release comes to its end of life: its runtimes' people are told, and on the last day it is upgraded by force.

Whom it concerns is looked for once an hour, set by set; after that each runtime is due by an index, a few of them in a round and
MOST_OPEN at work at a time, so that ten thousand that end together don't begin together. The tenant's own windows and exclusions
hold for PATIENCE behind the end, the emergency stop for as long as it is engaged.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction

from controlplane.catalog.facts import snapshot
from controlplane.catalog.hops import is_usable, order_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from provisioner.lifecycle import ports, queries, upgrade_notices
from provisioner.lifecycle.models import Expiry
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.lifecycle.upgrade_way import present_release
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime

log = structlog.get_logger(__name__)

NOTICES = (30, 14, 7, 2)  # days before the end
MOST = 50  # runtimes of one round
CLAIM_SECONDS = 600
BUSY = timedelta(minutes=10)
TRY_AGAIN = timedelta(hours=6)
MOST_OPEN = 50  # forced upgrades at work
PATIENCE = timedelta(days=7)  # behind the end: longer than any weekly window stays shut
SOON = frozenset({"runtime_busy"})


@transaction.atomic
def mark() -> int:
    """Look for runtimes whose release ends within a month, forget those that left theirs; return how many are new."""
    today = utcnow().date()
    horizon = today + timedelta(days=max(NOTICES))
    ending = [
        {"release": release.key, "ends_on": release.end_of_life.isoformat()}
        for release in snapshot().every_release.values()
        if release.end_of_life is not None and release.end_of_life <= horizon
    ]
    with connection.cursor() as cursor:
        cursor.execute(queries.FORGET_EXPIRIES, {"ending": json.dumps(ending)})
        cursor.execute(queries.MARK_EXPIRIES, {"ending": json.dumps(ending)})
        return int(cursor.rowcount)


def tick() -> int:
    """Tell, or upgrade, whom it is time for; return how many were looked at."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.CLAIM_EXPIRIES, {"most": MOST, "claim_seconds": CLAIM_SECONDS})
        ids = [row[0] for row in cursor.fetchall()]
    rows = list(Expiry.objects.filter(pk__in=ids).select_related("runtime").order_by("ends_on", "id"))
    today = utcnow().date()
    _tell([row for row in rows if row.ends_on > today], today)
    _force_each([row for row in rows if row.ends_on <= today])
    return len(rows)


def next_begin(window: str, after: datetime) -> datetime:
    """Return when a daily window next begins: "220000+0100", as landscapes write it; an unreadable one begins at once."""
    found = re.fullmatch(r"(\d\d)(\d\d)\d\d([+-])(\d\d)(\d\d)", window)
    if found is None:
        return after
    hour, minute, sign, east_hours, east_minutes = found.groups()
    offset = timedelta(hours=int(east_hours), minutes=int(east_minutes)) * (1 if sign == "+" else -1)
    first = datetime.combine(after.date(), time(int(hour), int(minute)), UTC) - offset
    while first < after:
        first += timedelta(days=1)
    return first


def _tell(rows: Sequence[Expiry], today: date) -> None:
    """Send the notice that is due, one for all the runtimes of a tenant, and say when the next step is."""
    groups: dict[tuple[UUID, str, date, int], list[Expiry]] = defaultdict(list)
    for row in rows:
        left = (row.ends_on - today).days
        due = min((days for days in NOTICES if left <= days), default=0)
        if due and (row.told_days is None or due < row.told_days):
            groups[row.tenant_id, row.release, row.ends_on, due].append(row)
        row.told_days = due or row.told_days
        row.due_at = _next_look(row)
    with transaction.atomic():
        for (tenant_id, release, ends_on, due), group in groups.items():
            named = [{"id": str(row.runtime_id), "name": row.runtime.name} for row in group]
            key = f"{release}:{ends_on}:{due}:{group[0].pk}"
            upgrade_notices.tell_ending(
                tenant_id=tenant_id, release=release, day=f"{ends_on:%d %B %Y}", runtimes=named, key=key
            )
        Expiry.objects.bulk_update(rows, ["told_days", "due_at"])


def _next_look(row: Expiry) -> datetime:
    end = datetime.combine(row.ends_on, time.min, UTC)
    later = [days for days in NOTICES if row.told_days is None or days < row.told_days]
    if later:
        return end - timedelta(days=max(later))
    return next_begin(row.runtime.cluster_spec.get("maintenance", {}).get("begin", ""), end)


def _force_each(rows: Sequence[Expiry]) -> None:
    """Upgrade those that nothing holds back; the others keep why, and when they are looked at again."""
    now = utcnow()
    later = ports.openings([row.runtime_id for row in rows], now) if ports.openings and rows else {}
    for row in rows:
        if row.runtime.release_key != row.release or row.runtime.deleted_at is not None:
            row.delete()
            continue
        opens = later.get(row.runtime_id, now)
        if now < opens <= datetime.combine(row.ends_on, time.min, UTC) + PATIENCE:
            row.problem, row.due_at = f"Waits for its maintenance window: {opens:%d %b %H:%M} UTC.", opens
            row.save(update_fields=["problem", "due_at"])
            continue
        with transaction.atomic():
            held = (ports.stopped() if ports.stopped else "") or _crowded(row)
            if held:
                row.problem, row.due_at = held[:500], now + BUSY
                row.save(update_fields=["problem", "due_at"])
            else:
                _force(row)


def _crowded(row: Expiry) -> str:
    """Say that as many forced upgrades are at work as may be; empty: there is room."""
    with connection.cursor() as cursor:
        cursor.execute(queries.ONE_FORCES)
    others = Expiry.objects.filter(operation__isnull=False).exclude(pk=row.pk).values("operation")
    at_work = Operation.objects.filter(pk__in=others, slot__isnull=False).count()
    return f"Waits for a place: {at_work} forced upgrades are at work." if at_work >= MOST_OPEN else ""


def _force(row: Expiry) -> None:
    """Upgrade it, whatever its pin says; a refusal is kept for people, and tried again."""
    runtime = row.runtime
    try:
        operation = upgrade_runtime(
            actor=SYSTEM, runtime_id=runtime.pk, release=way_out(runtime), urgent=True
        )
        row.operation, row.problem, row.due_at = operation.pk, "", utcnow() + TRY_AGAIN
    except Refused as refused:
        log.warning("expiry.not_upgraded", runtime=str(runtime.pk), code=refused.code, reason=refused.detail)
        row.problem = refused.detail[:500]
        row.due_at = utcnow() + (BUSY if refused.code in SOON else TRY_AGAIN)
    row.save(update_fields=["operation", "problem", "due_at"])


def way_out(runtime: Runtime) -> str:
    """Return the release to go to: its channel's, or where that is no way out, the nearest that is newer.

    Raises Refused 409 (no_way_out).
    """
    catalog, today = snapshot(), utcnow().date()
    present = present_release(runtime)
    of_channel = catalog.releases.get(runtime.channel)
    newer = sorted(
        (
            one
            for one in catalog.every_release.values()
            if is_usable(one, today) and order_of(one) > order_of(present)
        ),
        key=order_of,
    )
    if of_channel is not None and of_channel in newer:
        return of_channel.key
    if newer:
        return newer[0].key
    detail = f"Release {present.key} has ended, and no newer one is published; publish one and point {runtime.channel} to it."
    raise Refused("no_way_out", detail, status=409)
