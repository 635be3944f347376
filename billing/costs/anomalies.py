"""What people do with days out of the ordinary: look, and dismiss them with a reason."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing.costs.models import Anomaly, AnomalyState
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.rights import require

LONGEST_REASON = 300


def visible_anomalies(actor: Actor) -> QuerySet[Anomaly]:
    """Return the anomalies that an actor can see."""
    rows = Anomaly.objects.select_related("tenant")
    return rows if actor.sees_every_tenant else rows.filter(tenant=actor.tenant_id)


@transaction.atomic
def dismiss_anomaly(*, actor: Actor, anomaly_id: UUID, reason: str) -> Anomaly:
    """Say why a day is as it should be.

    Raises Refused: anomaly_not_found 404, forbidden 403, reason_missing 422, anomaly_closed 409.
    """
    row = visible_anomalies(actor).filter(pk=anomaly_id).first()
    if row is None:
        raise Refused("anomaly_not_found", f"There is no anomaly {anomaly_id}.", status=404)
    require(actor, Permission.COST_MANAGE, tenant_id=row.tenant_id)
    words = reason.strip()[:LONGEST_REASON]
    if not words:
        raise Refused("reason_missing", "reason must say why this day is as it should be.", field="reason")
    open_ = Anomaly.objects.filter(pk=row.pk, state=AnomalyState.OPEN)
    if (
        open_.update(state=AnomalyState.DISMISSED, reason=words, answered_by=actor.name, answered_at=utcnow())
        != 1
    ):
        detail = "This day is dismissed already, or late usage has made it ordinary; nothing is left to do."
        raise Refused("anomaly_closed", detail, status=409)
    audit.record(
        "anomaly.dismiss",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="anomaly",
        target_id=row.pk,
        changes={"runtime": str(row.runtime), "day": row.day.isoformat(), "reason": words},
    )
    row.refresh_from_db()
    return row
