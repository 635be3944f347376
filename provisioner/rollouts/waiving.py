"""Waivers: somebody answers by name for a runtime that stays behind, until a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.rollouts.models import Waiver
from provisioner.rollouts.permitted import may_manage, reason_of
from provisioner.runtimes.models import Runtime

LONGEST = timedelta(days=180)
LONGEST_OWNER = 160


@transaction.atomic
def waive_runtime(*, actor: Actor, runtime_id: UUID, owner: str, reason: str, expires_at: datetime) -> Waiver:
    """Let a runtime stay behind in somebody's name; it takes the place of an earlier waiver.

    Raises Refused 403, runtime_not_found 404, owner_missing, reason_missing, expiry_invalid.
    """
    may_manage(actor)
    why, who, now = reason_of(reason), " ".join(owner.split()), utcnow()
    if not 1 <= len(who) <= LONGEST_OWNER or not who.isprintable():
        detail = "Name the person who answers for it, for example an address."
        raise Refused("owner_missing", detail, field="owner")
    if not now < expires_at <= now + LONGEST:
        detail = f"A waiver ends in the future, after {LONGEST.days} days at the latest."
        raise Refused("expiry_invalid", detail, field="expires_at")
    runtime: Runtime | None = (
        Runtime.objects.select_for_update(no_key=True).filter(pk=runtime_id, deleted_at=None).first()
    )
    if runtime is None:
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    Waiver.objects.filter(runtime=runtime, revoked_at=None).update(revoked_at=now)
    waiver: Waiver = Waiver.objects.create(
        runtime=runtime, owner=who, reason=why, expires_at=expires_at, created_by=actor.name[:160]
    )
    _told("runtime.waive", actor, waiver, {"owner": who, "reason": why, "until": rfc3339(expires_at)})
    return waiver


@transaction.atomic
def revoke_waiver(*, actor: Actor, waiver_id: int) -> Waiver:
    """Take a waiver back. Raises Refused 403, waiver_not_found 404."""
    may_manage(actor)
    waiver: Waiver | None = (
        Waiver.objects.select_for_update(of=("self",))
        .select_related("runtime")
        .filter(pk=waiver_id, revoked_at=None)
        .first()
    )
    if waiver is None:
        raise Refused("waiver_not_found", f"There is no waiver {waiver_id} in force.", status=404)
    waiver.revoked_at = utcnow()
    waiver.save(update_fields=["revoked_at"])
    _told("runtime.unwaive", actor, waiver, {"owner": waiver.owner})
    return waiver


def _told(action: str, actor: Actor, waiver: Waiver, changes: dict[str, object]) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=waiver.runtime.tenant_id,
        target_type="runtime",
        target_id=waiver.runtime_id,
        changes=changes,
    )
