"""Samples that agents push: their clock is held against ours, and the slot of each is ours to name.

Agents stand beside the landscapes and belong to the platform: no tenant may say what it used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime

from billing.usage.ingest import ingest
from billing.usage.models import Quarantined
from billing.usage.samples import Gauges, Ingested, Origin, RowFault, SampleIn
from billing.usage.slots import floor
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission

MOST_ROWS = 5000
COLUMNS = frozenset({"runtime", "epoch", "at", "levels", "components", "gauges", "component_use"})
_YEARS = range(2020, 9000)


@transaction.atomic
def push(
    *, actor: Actor, sent_at: str, rows: Sequence[Mapping[str, Any]], now: datetime | None = None
) -> Ingested:
    """Take in what an agent pushes; each row that can't be is named, and the others are stored. One audit row a batch.

    Raises Refused: forbidden 403, time_invalid 422, clock_skewed 422 when `sent_at` is more than a slot away from our clock.
    """
    require_meter(actor)
    moment = now or utcnow()
    sent = _moment(sent_at)
    if sent is None:
        raise Refused(
            "time_invalid", "sent_at is a time with its zone, as 2026-01-31T00:00:00Z.", field="sent_at"
        )
    if abs(sent - moment) > timedelta(seconds=settings.USAGE_SLOT_SECONDS):
        detail = f"Your clock and ours are more than {settings.USAGE_SLOT_SECONDS} seconds apart; set yours, then push again."
        raise Refused("clock_skewed", detail, field="sent_at")
    numbers, batch, faults = list[int](), list[SampleIn](), list[RowFault]()
    for number, row in enumerate(rows):
        read = _read(number, row)
        if isinstance(read, RowFault):
            faults.append(read)
        else:
            numbers.append(number)
            batch.append(read)
    result = ingest(batch=batch, origin=Origin.AGENT, now=moment)
    refused = (*faults, *(replace(fault, row=numbers[fault.row]) for fault in result.refused))
    _note(actor, sent, result, refused=len(refused))
    return replace(
        result,
        refused=tuple(sorted(refused, key=lambda fault: fault.row)),
        quarantined=tuple(replace(fault, row=numbers[fault.row]) for fault in result.quarantined),
    )


def _note(actor: Actor, sent: datetime, result: Ingested, *, refused: int) -> None:
    told = {"accepted": result.accepted, "duplicates": result.duplicates, "refused": refused}
    audit.record(
        "usage.push",
        actor=actor,
        tenant_id=None,
        target_type="samples",
        target_id=sent.isoformat(),
        changes={**told, "quarantined": len(result.quarantined)},
    )


def quarantined(*, actor: Actor, runtime: str = "") -> Any:
    """Return what was put aside, of all runtimes or of one, as a queryset; raises Refused forbidden 403."""
    require_meter(actor)
    rows = Quarantined.objects.all()
    if not runtime:
        return rows
    runtime_id = parse_uuid(runtime)
    return rows.filter(runtime=runtime_id) if runtime_id else rows.none()


def require_meter(actor: Actor) -> None:
    """Raise Refused 403 unless the actor meters for the platform."""
    if not (actor.may(Permission.METER) and actor.sees_every_tenant):
        detail = "Only the platform's agents and SREs push samples and see what was put aside."
        raise Refused("forbidden", detail, status=403)


def _read(number: int, row: Mapping[str, Any]) -> SampleIn | RowFault:
    if unknown := sorted(row.keys() - COLUMNS):
        return RowFault(number, unknown[0][:60], "column_unknown", "There is no such column.")
    runtime = parse_uuid(row["runtime"]) if isinstance(row.get("runtime"), str) else None
    if not isinstance(runtime, UUID):
        return RowFault(number, "runtime", "runtime_unknown", "A runtime is named by its id.")
    at = _moment(row.get("at"))
    if at is None:
        return RowFault(number, "at", "time_invalid", "at is a time with its zone, as 2026-01-31T00:00:00Z.")
    gauges = row.get("gauges", {})
    if not isinstance(gauges, dict) or gauges.keys() - set(Gauges._fields):
        return RowFault(number, "gauges", "column_unknown", f"Gauges are {', '.join(Gauges._fields)}.")
    if any(isinstance(value, bool) for value in (*gauges.values(), row.get("epoch"))):
        return RowFault(number, "gauges", "not_a_whole_number", "True and false are no numbers.")
    slot = floor(at, settings.USAGE_SLOT_SECONDS)
    parts = (row.get("levels", {}), row.get("components", {}), Gauges(**gauges), at)
    return SampleIn(runtime, row.get("epoch", 0), slot, *parts, row.get("component_use"))


def _moment(text: Any) -> datetime | None:
    try:
        moment = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment and moment.tzinfo and moment.year in _YEARS else None
