"""What was put aside, for those who look into it: how much for which reason, and each beside the reading that stands.

SREs decide; FinOps looks too, for what was put aside is charged to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import QuerySet

from billing.usage.models import Quarantined
from billing.usage.packed import BLOCK_SIZE
from billing.usage.samples import Gauges, Origin
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission

COUNTED = 10_000  # the newest: whoever fills the table makes no page slow

# By the primary key, the newest first.
BY_REASON = """
SELECT reason, count(*) FILTER (WHERE decision = ''), count(*) FILTER (WHERE decision <> ''), max(stored_at)
FROM (SELECT reason, decision, stored_at FROM usage_quarantine ORDER BY id DESC LIMIT %s) newest
GROUP BY reason ORDER BY 2 DESC, reason
"""

# The sample that stands in a slot, with its look: one block is opened. By the primary keys.
STANDING = """
SELECT s.origin, s.reported_at, s.stored_at, x.levels, c.components, {gauges}, s.egress_bytes, x.allocatable_millicores,
    x.allocatable_mib
FROM usage_source o JOIN usage_sample s ON s.slot = %s AND s.block = o.id / %s AND s.source = o.id AND s.epoch = %s
    JOIN usage_shape x ON x.id = s.shape JOIN usage_component_set c ON c.id = s.components
WHERE o.runtime = %s
"""


@dataclass(frozen=True)
class Reason:
    """How many samples were put aside for one reason; `waiting` are those that nobody has decided about."""

    key: str
    waiting: int
    decided: int
    newest: datetime


@dataclass(frozen=True)
class Told:
    """What one reading of a slot says."""

    origin: Origin
    reported_at: datetime
    stored_at: datetime
    payload: Mapping[str, Any]


def require_look(actor: Actor) -> None:
    """Raise Refused 403 unless the actor meters for the platform, or answers for what is charged."""
    looks = actor.may(Permission.METER) or actor.may(Permission.COST_EXPORT)
    if not (looks and actor.sees_every_tenant):
        detail = "Only the platform's SREs and FinOps people see what was put aside."
        raise Refused("forbidden", detail, status=403)


def reasons(*, actor: Actor) -> list[Reason]:
    """Return the reasons of the newest samples that were put aside, those that wait first; raises Refused 403."""
    require_look(actor)
    with connection.cursor() as cursor:
        cursor.execute(BY_REASON, [COUNTED])
        return [Reason(*row) for row in cursor.fetchall()]


def put_aside(*, actor: Actor, reason: str = "", waiting: bool = False) -> QuerySet[Quarantined]:
    """Return what was put aside, of all reasons or of one, and on request only what waits; raises Refused 403."""
    require_look(actor)
    rows: QuerySet[Quarantined] = Quarantined.objects.all()
    if reason:
        rows = rows.filter(reason=reason)
    return rows.filter(decision="") if waiting else rows


def the_sample(*, actor: Actor, sample_id: UUID) -> Quarantined:
    """Return one; raises Refused 403, 404."""
    require_look(actor)
    row: Quarantined | None = Quarantined.objects.filter(pk=sample_id).first()
    if row is None:
        raise Refused("sample_not_found", f"No sample {sample_id} was put aside.", status=404)
    return row


def standing(row: Quarantined) -> Told | None:
    """Return what stands in a sample's slot; None where nothing does, or its day is not kept any more."""
    gauges = ", ".join(f"s.{name}" for name in Gauges._fields[:8])
    with connection.cursor() as cursor:
        cursor.execute(STANDING.format(gauges=gauges), [row.slot, BLOCK_SIZE, row.epoch, row.runtime])
        found = cursor.fetchone()
    if found is None:
        return None
    origin, reported, stored, levels, components, *numbers = found
    payload = {
        "levels": orjson.loads(levels),
        "components": orjson.loads(components),
        "gauges": Gauges(*numbers)._asdict(),
    }
    return Told(Origin(origin), reported, stored, payload)
