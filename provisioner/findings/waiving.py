"""Waivers: somebody answers by name for what breaks a rule, until a day; and a look that does not wait for its turn."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.postgres.functions import TransactionNow as Now
from django.db import transaction

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from provisioner.findings.models import Check, FindingWaiver
from provisioner.findings.rules.registry import all_rules
from provisioner.runtimes.models import Runtime

LONGEST = timedelta(days=180)
LONGEST_OWNER, LONGEST_REASON, LONGEST_PLACE = 160, 300, 400


@transaction.atomic
def waive_finding(
    *,
    actor: Actor,
    runtime_id: UUID,
    rule: str,
    owner: str,
    reason: str,
    expires_at: datetime,
    place: str = "",
) -> FindingWaiver:
    """Let a rule be broken in somebody's name, by one object ("Deployment shop/till") or by all; replaces an earlier waiver.

    Raises Refused: forbidden 403, runtime_not_found 404, rule_unknown, owner_missing, reason_missing, expiry_invalid,
    object_invalid.
    """
    may_waive(actor)
    who = _said(owner, LONGEST_OWNER, "owner", "Name the person who answers for it, for example an address.")
    why = _said(reason, LONGEST_REASON, "reason", f"Say why, in 1 to {LONGEST_REASON} characters.")
    _refuse_unfit(rule, place, expires_at)
    runtime = _held(runtime_id)
    FindingWaiver.objects.filter(runtime=runtime, rule=rule, place=place, revoked_at=None).update(
        revoked_at=utcnow()
    )
    waiver: FindingWaiver = FindingWaiver.objects.create(
        runtime=runtime,
        rule=rule,
        place=place,
        owner=who,
        reason=why,
        expires_at=expires_at,
        created_by=actor.name[:160],
    )
    changes: dict[str, object] = {"rule": rule, "object": place, "owner": who, "reason": why}
    changes["until"] = rfc3339(expires_at)
    _told("finding.waive", actor, runtime, changes)
    return waiver


@transaction.atomic
def revoke_finding_waiver(*, actor: Actor, runtime_id: UUID, waiver_id: UUID) -> None:
    """Take a waiver back. Raises Refused: forbidden 403, runtime_not_found 404, waiver_not_found 404."""
    may_waive(actor)
    runtime = _held(runtime_id)
    waiver: FindingWaiver | None = FindingWaiver.objects.filter(
        pk=waiver_id, runtime=runtime, revoked_at=None
    ).first()
    if waiver is None:
        raise Refused("waiver_not_found", f"There is no waiver {waiver_id} in force.", status=404)
    FindingWaiver.objects.filter(pk=waiver.pk, revoked_at=None).update(revoked_at=utcnow())
    _told(
        "finding.unwaive",
        actor,
        runtime,
        {"rule": waiver.rule, "object": waiver.place, "owner": waiver.owner},
    )


@transaction.atomic
def look_again(*, actor: Actor, runtime_id: UUID) -> None:
    """Look at a runtime with the next tick instead of in its turn; again is harmless.

    Raises Refused: runtime_not_found 404, forbidden 403.
    """
    rows = Runtime.objects.filter(pk=runtime_id, deleted_at=None)
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    runtime: Runtime | None = rows.first()
    if runtime is None:
        raise _no_runtime(runtime_id)
    if not actor.may(Permission.UPGRADE, tenant_id=runtime.tenant_id):
        raise Refused("forbidden", "Your role may not ask for another look at this runtime.", status=403)
    Check.objects.update_or_create(runtime=runtime, defaults={"due_at": Now(), "asked_at": Now()})
    _told("finding.look", actor, runtime, {})


def may_waive(actor: Actor) -> None:
    """Refuse whoever may not answer for what breaks the platform's rules."""
    if not (actor.sees_every_tenant and actor.may(Permission.ROLLOUT_MANAGE)):
        raise Refused("forbidden", "Only the platform's SREs may waive a finding.", status=403)


def _refuse_unfit(rule: str, place: str, expires_at: datetime) -> None:
    if rule not in all_rules():
        detail = f"There is no rule {shown(rule)}. {choices(sorted(all_rules()), rule)}"
        raise Refused("rule_unknown", detail, field="rule")
    now = utcnow()
    if not now < expires_at <= now + LONGEST:
        detail = f"A waiver ends in the future, after {LONGEST.days} days at the latest."
        raise Refused("expiry_invalid", detail, field="expires_at")
    if len(place) > LONGEST_PLACE or not place.isprintable():
        raise Refused(
            "object_invalid", "Name the object as the finding does, or leave it out.", field="object"
        )


def _held(runtime_id: UUID) -> Runtime:
    runtime: Runtime | None = (
        Runtime.objects.select_for_update(no_key=True).filter(pk=runtime_id, deleted_at=None).first()
    )
    if runtime is None:
        raise _no_runtime(runtime_id)
    return runtime


def _no_runtime(runtime_id: UUID) -> Refused:
    return Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)


def _said(text: str, longest: int, field: str, detail: str) -> str:
    words = " ".join(text.split())
    if not 1 <= len(words) <= longest or not words.isprintable():
        raise Refused(f"{field}_missing", detail, field=field)
    return words


def _told(action: str, actor: Actor, runtime: Runtime, changes: dict[str, object]) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes=changes,
    )
