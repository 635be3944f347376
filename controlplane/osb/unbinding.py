"""The end of a binding: by a delete of the platform, by its time, or with its instance."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.osb import queries
from controlplane.osb.callers import Caller
from controlplane.osb.deprovisioning import gone
from controlplane.osb.instances import latest, recorded
from controlplane.osb.models import BindingState, OsbBinding
from controlplane.osb.offer import check_service
from controlplane.tenants.access import Actor, Role
from provisioner.lifecycle.access import revoke_access

log = structlog.get_logger(__name__)

AGAIN = timedelta(minutes=2)  # longer than a landscape's calls may take
MOST = 50  # of one beat


def unbind(*, caller: Caller, instance_id: str, binding_id: str, service_id: str) -> None:
    """End a binding; outside of any transaction. What the landscape can't end now, the sweep ends later.

    Raises Refused: malformed_request 400, gone 410, and what `revoke_access` refuses.
    """
    check_service(service_id)
    binding = _claim(caller, instance_id, binding_id)
    if binding is None:
        raise gone()
    revoke_access(actor=caller.actor, runtime_id=binding.instance.runtime_id, name=binding.service_account)
    _ended(binding)


def revoke_due(*, now: datetime | None = None) -> int:
    """End up to MOST bindings whose time has come, and return how many were taken; two at once share the work."""
    now = now or utcnow()
    with connection.cursor() as cursor:
        cursor.execute(queries.CLAIM_DUE_BINDINGS, {"now": now, "again": now + AGAIN, "most": MOST})
        due = [row[0] for row in cursor.fetchall()]
    for binding in OsbBinding.objects.filter(pk__in=due).select_related("instance"):
        actor = Actor("system:broker", role=Role.DEVELOPER, tenant_id=binding.tenant_id)
        try:
            revoke_access(actor=actor, runtime_id=binding.instance.runtime_id, name=binding.service_account)
        except Refused as refusal:
            log.warning("binding_not_revoked", binding=str(binding.pk), code=refusal.code)
        else:
            _ended(binding)
    return len(due)


@transaction.atomic
def _claim(caller: Caller, instance_id: str, binding_id: str) -> OsbBinding | None:
    row = latest(caller, instance_id)
    if row is None:
        return None
    rows = OsbBinding.objects.filter(instance=row, binding_id=binding_id).exclude(state=BindingState.GONE)
    binding: OsbBinding | None = rows.select_related("instance").select_for_update(of=("self",)).first()
    if binding is not None:
        rows.filter(pk=binding.pk).update(state=BindingState.REVOKING, due_at=utcnow() + AGAIN)
        recorded("broker.unbind", caller, row, binding_id=binding_id)
    return binding


def _ended(binding: OsbBinding) -> None:
    # Guarded by the claim: a bind that came in between has put it back into the queue.
    OsbBinding.objects.filter(pk=binding.pk, state=BindingState.REVOKING, due_at__gt=utcnow()).update(
        state=BindingState.GONE
    )
