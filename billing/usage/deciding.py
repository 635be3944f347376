"""Decides about samples that were put aside: somebody looks at both readings of a slot and says which of them stands.

The reading that gives way is put aside in its turn, so that nothing that was ever told is lost and a decision can be taken back.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from billing.usage import quarantine
from billing.usage.ingest import ingest
from billing.usage.integrals import GAUGES
from billing.usage.models import Quarantined, Source
from billing.usage.packed import UNKNOWN_USE
from billing.usage.pushing import require_meter
from billing.usage.queries import FORGET_BATCHES, LOOK
from billing.usage.samples import Gauges, Origin, RowFault, SampleIn
from billing.usage.slots import day_of, moment_of
from billing.usage.taking_out import take_out
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

ACCEPTED, DISMISSED = "accepted", "dismissed"
REPLACED = "Another reading of this slot was accepted in its place."
LONGEST_REASON = 300


@transaction.atomic
def accept(*, actor: Actor, sample_id: UUID, reason: str) -> Quarantined:
    """Let a sample stand that was put aside; the one that stood is put aside, and their hour is made anew.

    Raises Refused: forbidden 403, sample_not_found 404, reason_missing 422, sample_decided 409, and sample_unacceptable 409 for
    a time in which the runtime did not live, or one that is not kept any more.
    """
    row = _decide(actor, sample_id, ACCEPTED, reason)
    if row.reason == "outside_life":
        detail = (
            "The runtime did not live in this slot, so nobody's usage can come of it; dismiss the sample."
        )
        raise Refused("sample_unacceptable", detail, status=409)
    stood = _take_out(row)
    result = ingest(batch=[_sample_of(row)], origin=Origin(row.origin), believed=True)
    if result.accepted != 1:
        fault = (*result.refused, *result.quarantined)[0]
        raise Refused("sample_unacceptable", f"{fault.detail} Dismiss the sample.", status=409)
    _note("usage.sample_accept", actor, row, replaced=stood)
    return row


@transaction.atomic
def dismiss(*, actor: Actor, sample_id: UUID, reason: str) -> Quarantined:
    """Say that a sample that was put aside counts for nothing, for good; what stood stands.

    Raises Refused: forbidden 403, sample_not_found 404, reason_missing 422, sample_decided 409.
    """
    row = _decide(actor, sample_id, DISMISSED, reason)
    _note("usage.sample_dismiss", actor, row)
    return row


def _decide(actor: Actor, sample_id: UUID, decision: str, reason: str) -> Quarantined:
    require_meter(actor)
    words = reason.strip()[:LONGEST_REASON]
    if not words:
        detail = "reason must say why this reading of the slot stands, or does not."
        raise Refused("reason_missing", detail, field="reason")
    rows = Quarantined.objects.filter(pk=sample_id)
    facts = {
        "decision": decision,
        "decided_by": actor.name[:160],
        "decided_why": words,
        "decided_at": utcnow(),
    }
    changed = rows.filter(decision="").update(**facts)
    row: Quarantined | None = rows.first()
    if row is None:
        raise Refused("sample_not_found", f"No sample {sample_id} was put aside.", status=404)
    if not changed:
        raise Refused("sample_decided", f"This sample is {row.decision} already.", status=409)
    return row


def _take_out(row: Quarantined) -> bool:
    """Put the sample that stands aside; say whether there was one."""
    source = Source.objects.filter(runtime=row.runtime).values_list("id", flat=True).first()
    stood = None if source is None else take_out(slot=row.slot, source=source, epoch=row.epoch)
    with connection.cursor() as cursor:
        # A batch that held it is not stored whole any more.
        cursor.execute(FORGET_BATCHES, [day_of(row.slot)])
        if stood is None:
            return False
        cursor.execute(LOOK, [int(stood["shape"]), int(stood["components"])])
        levels, components, *allocatable = cursor.fetchone()
    told = {name: int(stood[name]) for name in (*GAUGES, "egress_bytes")}
    gauges: list[Any] = [None if told[name] == UNKNOWN_USE else told[name] for name in Gauges._fields[:9]]
    pairs = {name: tuple(pair) for name, pair in orjson.loads(components).items()}
    sample = SampleIn(
        row.runtime,
        row.epoch,
        row.slot,
        orjson.loads(levels),
        pairs,
        Gauges(*gauges, *allocatable),
        moment_of(int(stood["reported_at"])),
    )
    quarantine.keep([(sample, RowFault(0, "slot", "replaced", REPLACED))], Origin(int(stood["origin"])))
    return True


def _sample_of(row: Quarantined) -> SampleIn:
    told = row.payload
    pairs = {name: tuple(pair) for name, pair in told["components"].items()}
    gauges = Gauges(**told["gauges"])
    return SampleIn(row.runtime, row.epoch, row.slot, told["levels"], pairs, gauges, row.reported_at)


def _note(action: str, actor: Actor, row: Quarantined, **more: Any) -> None:
    told = {"slot": row.slot, "epoch": row.epoch, "runtime": str(row.runtime), "put_aside": row.reason}
    audit.record(
        action,
        actor=actor,
        tenant_id=None,
        target_type="sample",
        target_id=row.pk,
        changes={**told, **more, "reason": row.decided_why},
    )
