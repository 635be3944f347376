"""Exports that are written to a folder or a bucket by a worker: asked for by people, begun by the beat, seen while they grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, Role
from controlplane.tenants.audit.exporting import json_lines
from controlplane.tenants.audit.noting import write_lines
from controlplane.tenants.audit.reading import PAGE, Search, bounded, require_audit, stream
from controlplane.tenants.audit.writing import record
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.jobs import OPEN, JobState, Queue
from controlplane.tenants.models import AuditEvent

log = structlog.get_logger(__name__)

QUEUE = Queue(AuditExport, lease=timedelta(minutes=5))  # renewed with every page of rows
MOST_OPEN = 3  # of one tenant, or of the platform


def is_set_up() -> bool:
    """Whether the operator named a place for exports."""
    return bool(settings.AUDIT_EXPORT_TO)


@transaction.atomic
def ask_export(*, actor: Actor, search: Search) -> AuditExport:
    """Have a period written to the place of the actor's tenant, or of the platform for its team.

    Raises Refused: forbidden 403, export_not_set_up 409, exports_waiting 409, period_invalid 400, period_too_long 400.
    """
    require_audit(actor)
    if not is_set_up():
        detail = "Nesoi's operator has set up no place for exports; download the trail as JSON Lines instead."
        raise Refused("export_not_set_up", detail, status=409)
    search = bounded(search)
    if visible_exports(actor).filter(tenant=actor.tenant_id, state__in=OPEN).count() >= MOST_OPEN:
        detail = f"{MOST_OPEN} exports wait already; ask again when one of them is done."
        raise Refused("exports_waiting", detail, status=409)
    texts = {name: value for name, value in asdict(search).items() if isinstance(value, str) and value}
    row: AuditExport = AuditExport.objects.create(
        tenant_id=actor.tenant_id,
        asked_by=actor.name,
        since=search.since or utcnow(),  # `bounded` has filled both
        until=search.until or utcnow(),
        search=texts,
        due_at=utcnow(),
    )
    told = {**texts, "since": rfc3339(row.since), "until": rfc3339(row.until)}
    _recorded("audit.export", actor, row, told)
    return row


def visible_exports(actor: Actor) -> QuerySet[AuditExport]:
    """Return the exports that the actor may see; raises Refused forbidden."""
    require_audit(actor)
    return exports_within_reach(actor)


def exports_within_reach(actor: Actor) -> QuerySet[AuditExport]:
    """Return the exports of the actor's tenant, whether its role may see them or not: others' are not there at all."""
    rows = AuditExport.objects.select_related("tenant")
    return rows if actor.sees_every_tenant else rows.filter(tenant=actor.tenant_id)


def ship_due() -> int:
    """Write every export that is due, one after the other, and return how many; two at once share the work."""
    return QUEUE.work_off(_ship, _fail)


def _ship(row: AuditExport) -> None:
    search = replace(Search(**row.search), since=row.since, until=row.until)
    name = f"audit-{row.since:%Y%m%dT%H%M%SZ}-{row.until:%Y%m%dT%H%M%SZ}-{row.pk}.jsonl"
    try:
        lines = json_lines(_counted(row, stream(_reader(row), search)))
        place = write_lines(lines, to=_place_of(row), name=name)
    except Refused as refusal:
        log.warning("audit_export_failed", export=str(row.pk), attempt=row.attempts, reason=refusal.detail)
        if not QUEUE.try_again(row, refusal.detail):
            _fail(row, refusal.detail)
        return
    with transaction.atomic():
        QUEUE.end(row, JobState.DONE, place=place, rows=row.rows, fault="")
        _recorded("audit.export.finish", _worker(row), row, {"place": place, "rows": row.rows})


def _fail(row: AuditExport, fault: str) -> None:
    with transaction.atomic():
        QUEUE.end(row, JobState.FAILED, fault=fault)
        _recorded("audit.export.fail", _worker(row), row, {"fault": fault[:500]})


def _counted(row: AuditExport, events: Iterator[AuditEvent]) -> Iterator[AuditEvent]:
    """Pass rows on, and say after every page how far it is: that keeps the lease, too."""
    row.rows = 0
    for event in events:
        row.rows += 1
        if row.rows % PAGE == 0:
            QUEUE.renew(row, rows=row.rows)
        yield event


def _reader(row: AuditExport) -> Actor:
    """Return who sees exactly what the one who asked may see."""
    return Actor(row.asked_by, role=Role.ADMIN, tenant_id=row.tenant_id) if row.tenant_id else SYSTEM


def _worker(row: AuditExport) -> Actor:
    return Actor("system:audit", role=Role.ADMIN, tenant_id=row.tenant_id, on_behalf_of=row.asked_by)


def _place_of(row: AuditExport) -> str:
    """Return the tenant's own bucket, prefix or folder; no slug begins like the platform's."""
    to, slug = settings.AUDIT_EXPORT_TO, row.tenant.slug if row.tenant else "_platform"
    return str(to.replace("{tenant}", slug) if "{tenant}" in to else f"{to.rstrip('/')}/{slug}")


def _recorded(action: str, actor: Actor, row: AuditExport, changes: dict[str, Any]) -> None:
    record(
        action, actor=actor, tenant_id=row.tenant_id, target_type="audit", target_id=row.id, changes=changes
    )
