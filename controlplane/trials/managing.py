"""What the platform's admins do: how many places there are and where, who is taken off the list, which duty is tried at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.trials.blocklist import require_manager
from controlplane.trials.ending import end_waiting
from controlplane.trials.models import Capacity, Trial
from controlplane.trials.offer import capacity, closed
from controlplane.trials.states import Reason, Stage
from controlplane.trials.transport import tick

MOST_PLACES = 100_000


@transaction.atomic
def change_offer(*, actor: Actor, places: int, closed_regions: Sequence[str], is_open: bool) -> Capacity:
    """Say how many places there are and where trials may be; those who wait take new places with the next tick.

    Raises Refused: forbidden, places_invalid.
    """
    require_manager(actor)
    if not 0 <= places <= MOST_PLACES:
        raise Refused("places_invalid", f"places must be 0 to {MOST_PLACES}.", field="places")
    capacity()
    row = Capacity.objects.select_for_update().get(pk=1)
    before = {"places": row.places, "closed_regions": row.closed_regions, "is_open": row.is_open}
    row.places, row.closed_regions, row.is_open = places, closed(closed_regions), is_open
    row.save()
    after = {"places": places, "closed_regions": row.closed_regions, "is_open": is_open}
    changes = {"before": before, "after": after}
    audit.record(
        "trial.offer", actor=actor, tenant_id=None, target_type="trial-offer", target_id=1, changes=changes
    )
    tick.send_on_commit()
    return row


@transaction.atomic
def reject_trial(*, actor: Actor, trial_id: UUID) -> None:
    """Take a trial off the waiting list; raises Refused: forbidden, trial_not_waiting 409."""
    require_manager(actor)
    if not end_waiting(actor=actor, trial_id=trial_id, reason=Reason.WITHDRAWN):
        raise Refused("trial_not_waiting", "This trial does not wait any more; look again.", status=409)


@transaction.atomic
def retry_duty(*, actor: Actor, trial_id: UUID) -> None:
    """Do at once what failed before; raises Refused: forbidden, trial_not_found 404."""
    require_manager(actor)
    rows = Trial.objects.filter(pk=trial_id, ended_at__isnull=True).exclude(stage=Stage.WAITING)
    if rows.update(next_at=utcnow()) != 1:
        raise Refused("trial_not_found", "This trial has no duty any more; look again.", status=404)
    tenant_id = rows.values_list("tenant_id", flat=True).first()
    audit.record("trial.retry", actor=actor, tenant_id=tenant_id, target_type="trial", target_id=trial_id)
    tick.send_on_commit()
