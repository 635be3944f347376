"""End trials that never began: the place in the queue is free, and the address is forgotten."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.states import Reason, Stage
from controlplane.trials.terms import terms


def end_waiting(*, actor: Actor, trial_id: UUID, reason: Reason) -> bool:
    """Take a trial off the waiting list, in the caller's transaction; False when it does not wait any more."""
    now = utcnow()
    waiting = Trial.objects.filter(pk=trial_id, stage=Stage.WAITING)
    tenant_id = waiting.values_list("tenant_id", flat=True).first()
    ended = waiting.update(
        stage=Stage.REJECTED, reason=reason, ended_at=now, next_at=now + terms().tombstone, email="",
        problem="", failures=0,
    )  # fmt: skip
    if ended != 1:
        return False
    SignUp.objects.filter(trial=trial_id).update(email="", address="", network="")
    audit.record(
        "trial.reject", actor=actor, tenant_id=tenant_id, target_type="trial", target_id=trial_id,
        changes={"reason": reason.value},
    )  # fmt: skip
    return True


def end_with_tenant(tenant_id: UUID) -> dict[str, int]:
    """End what waits for a tenant that is being closed, in the caller's transaction; rides on trial_of_tenant."""
    with platform_scope(), transaction.atomic():
        waiting = Trial.objects.filter(tenant=tenant_id, stage=Stage.WAITING).values_list("pk", flat=True)
        ended = [
            end_waiting(actor=SYSTEM, trial_id=found, reason=Reason.TENANT_CLOSED) for found in list(waiting)
        ]
    return {"trials": sum(ended)}
