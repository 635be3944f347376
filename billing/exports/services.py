"""Exports are asked for by people or by the calendar, written by a worker, and seen while they grow."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from billing.exports import queries
from billing.exports.focus.columns import Version
from billing.exports.models import FileFormat, FocusExport
from billing.exports.places import check_place
from billing.exports.publishing import publish
from billing.pricing.periods import month as period_of
from billing.statements.queries import tenants_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, PlatformRole, Role
from controlplane.tenants.jobs import JobState, Queue

log = structlog.get_logger(__name__)

# Renewed with every few thousand rows.
QUEUE = Queue(FocusExport, lease=timedelta(minutes=10), unless=queries.ITS_FILE_IS_WRITTEN)
BEAT = Actor("system:focus", role=Role.ADMIN, platform_role=PlatformRole.ADMIN)
FINAL = frozenset({"export_not_conformant", "place_invalid"})  # the same again would end the same


def require_finance(actor: Actor) -> None:
    """Raise Refused forbidden unless this is the platform's FinOps team."""
    if not (actor.sees_every_tenant and actor.may(Permission.COST_EXPORT)):
        raise Refused("forbidden", "Only the platform's FinOps team may see or do this; ask it.", status=403)


def visible_exports(actor: Actor) -> QuerySet[FocusExport]:
    """Return the exports; raises Refused forbidden."""
    require_finance(actor)
    return FocusExport.objects.all()


@transaction.atomic
def ask_export(
    *, actor: Actor, month: date, version: str = "1.4", file_format: str = "csv", to: str = ""
) -> FocusExport:
    """Have a month written to a place, by default the one that the operator set up; one that waits already is returned.

    Raises Refused: forbidden 403, export_not_set_up 409, month_invalid, version_unknown, format_unknown, place_invalid.
    """
    require_finance(actor)
    place = check_place(to or _set_up())
    if month.day != 1 or month > utcnow().date():
        raise Refused("month_invalid", "Name a month that has begun, as 2026-01.", field="month")
    if version not in set(Version):
        raise Refused("version_unknown", "FOCUS is written as 1.4 or 1.2.", field="version")
    if file_format not in FileFormat.values:
        raise Refused("format_unknown", "The format is csv or parquet.", field="format")
    target = {"month": month, "version": version, "file_format": file_format, "to": place}
    try:
        with transaction.atomic():
            row: FocusExport = FocusExport.objects.create(
                **target, asked_by=actor.name, created_at=utcnow(), due_at=utcnow()
            )
    except IntegrityError:  # one waits: it will write what this one would
        return FocusExport.objects.get(**target, state=JobState.WAITING)
    told = {"month": f"{month:%Y-%m}", "version": version, "format": file_format, "to": place}
    _recorded("focus.export", actor, row, told)
    return row


def is_set_up() -> bool:
    """Whether the operator named a place for exports."""
    return bool(settings.FOCUS_EXPORT_TO)


def _set_up() -> str:
    if not is_set_up():
        detail = "Nesoi's operator has set up no place for exports (FOCUS_EXPORT_TO); ask for one."
        raise Refused("export_not_set_up", detail, status=409)
    return str(settings.FOCUS_EXPORT_TO)


def write_due(*, only: UUID | None = None) -> int:
    """Write every export that is due, one after the other, and return how many; two at once share the work."""
    return QUEUE.work_off(_write_one, _fail, only=only)


def _write_one(row: FocusExport) -> None:
    try:
        closed, statements, part = _extent(row)
        if closed and not statements:
            _end(row, JobState.DONE, closed=True, rows=0, fault="")
            return
        done = publish(
            month=row.month,
            version=Version(row.version),
            file_format=FileFormat(row.file_format),
            to=row.to,
            part=part,
            statements=statements if closed else None,
            closed=closed,
            progress=lambda rows: QUEUE.renew(row, rows=rows),
        )
    except Refused as refusal:
        log.warning("focus_export_failed", export=str(row.pk), attempt=row.attempts, reason=refusal.detail)
        if refusal.code in FINAL or not _waits(row, refusal.detail):
            _fail(row, refusal.detail)
        return
    _end(row, JobState.DONE, place=done.place, rows=done.rows, digest=done.digest, part=part, closed=closed,
         statements=statements, fault="")  # fmt: skip


def _extent(row: FocusExport) -> tuple[bool, list[UUID], int]:
    """Return whether the month is closed, which sealed statements no part of it holds, and which part is to be written."""
    place = {"month": row.month, "version": row.version, "file_format": row.file_format, "to": row.to}
    parts = FocusExport.objects.filter(**place, state=JobState.DONE, closed=True).exclude(place="").count()
    end = period_of(row.month.year, row.month.month).end
    # What was closed once is never written over again, even if somebody is billed for that month much later.
    if not parts and (utcnow() < end or tenants_of(row.month, end.date(), pending=False)):
        return False, [], 0
    statements = [found for (found,) in queries.rows(queries.NOT_YET_IN_A_PART, place)]
    return True, statements, parts


def _waits(row: FocusExport, fault: str) -> bool:
    """Try again later, unless somebody asked anew meanwhile: then that one does it."""
    try:
        return QUEUE.try_again(row, fault)
    except IntegrityError:
        return False


def _fail(row: FocusExport, fault: str) -> None:
    _end(row, JobState.FAILED, fault=fault)


@transaction.atomic
def _end(row: FocusExport, state: JobState, **changes: Any) -> None:
    QUEUE.end(row, state, **changes)
    told = {name: changes[name] for name in ("place", "rows", "part", "fault") if changes.get(name)}
    action = "focus.export.finish" if state == JobState.DONE else "focus.export.fail"
    _recorded(action, BEAT, row, told)


def _recorded(action: str, actor: Actor, row: FocusExport, changes: dict[str, Any]) -> None:
    audit.record(action, actor=actor, tenant_id=None, target_type="export", target_id=row.id, changes=changes)
