"""Maintenance windows and exclusions: a tenant's own, or a plan's and everybody's by the platform's team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import queries
from provisioner.rollouts.models import Exclusion, MaintenanceWindow, Target
from provisioner.rollouts.permitted import hold_look, reason_of
from provisioner.rollouts.putting_off import Scheduled, count_put_off, scheduled_of
from provisioner.rollouts.states import TargetState
from provisioner.rollouts.windows import next_opening, parse_exclusion, parse_window
from provisioner.runtimes.models import Runtime

MOST_WINDOWS, MOST_EXCLUSIONS = 14, 20


@dataclass(frozen=True)
class Owner:
    """Whose: one runtime's, a tenant's (of one plan, or of all), a plan's; nothing named: everybody's."""

    tenant_id: UUID | None = None
    plan: str = ""
    runtime_id: UUID | None = None


@transaction.atomic
def add_window(
    *, actor: Actor, owner: Owner, days: Sequence[str], begin: str, end: str, time_zone: str
) -> MaintenanceWindow:
    """Let upgrades begin only then, for whoever has windows; "22:00" to "24:00" on the wall of the time zone.

    Where a tenant puts upgrades off with it that wait already, that counts as an exclusion does: see `putting_off`. Raises
    Refused forbidden 403, runtime_not_found 404, plan_unknown, too_many_windows 409, window_never_opens 409, deferral_exhausted
    409 and as `windows.parse_window` does.
    """
    whose, now = _owned(actor, owner), utcnow()
    window = parse_window(days=days, begin=begin, end=end, zone=time_zone)
    if MaintenanceWindow.objects.filter(**whose).count() >= MOST_WINDOWS:
        detail = f"There are {MOST_WINDOWS} windows already; remove one first."
        raise Refused("too_many_windows", detail, status=409)
    if next_opening([window], [], now) is None:
        detail = "This window never opens: the clock there never shows these times. Choose others."
        raise Refused("window_never_opens", detail, field="begin", status=409)
    before = _scheduled(whose, now)
    row: MaintenanceWindow = MaintenanceWindow.objects.create(
        **whose, days=[day for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun") if day in days],
        begin=begin, end=end, time_zone=time_zone, created_by=actor.name[:160],
    )  # fmt: skip
    _changed("window.add", actor, row, {"window": str(row), **_put_off(actor, before, now, "days")})
    return row


@transaction.atomic
def remove_window(*, actor: Actor, window_id: int) -> None:
    """Take a window away; what that puts off counts as in `add_window`.

    Raises Refused window_not_found 404, forbidden 403, deferral_exhausted 409.
    """
    row, now = _found(actor, MaintenanceWindow, window_id, "window"), utcnow()
    before = _scheduled(_owner_of(row), now)
    MaintenanceWindow.objects.filter(pk=row.pk).delete()
    _changed("window.remove", actor, row, {"window": str(row), **_put_off(actor, before, now, "days")})


@transaction.atomic
def add_exclusion(
    *, actor: Actor, owner: Owner, begins_at: datetime, ends_at: datetime, reason: str
) -> Exclusion:
    """Let no upgrade begin in between. A tenant's may put each runtime's off for 30 days out of any 90: see `putting_off`.

    Its runtimes' own, its plans' and those of all its runtimes count together; those that the platform's team sets don't.
    Raises Refused forbidden 403, runtime_not_found 404, plan_unknown, too_many_exclusions 409, deferral_exhausted 409,
    window_never_opens 409, reason_missing and as `windows.parse_exclusion` does.
    """
    whose, why = _owned(actor, owner), reason_of(reason)
    shut = parse_exclusion(begin=begins_at, end=ends_at)
    now = utcnow()
    if shut.end <= now:
        raise Refused("exclusion_over", "This exclusion is over already; choose later days.", field="ends_at")
    if Exclusion.objects.filter(**whose, ends_at__gt=now).count() >= MOST_EXCLUSIONS:
        detail = f"There are {MOST_EXCLUSIONS} exclusions already; remove one first."
        raise Refused("too_many_exclusions", detail, status=409)
    before = _scheduled(whose, now)
    row: Exclusion = Exclusion.objects.create(
        **whose, begins_at=shut.begin, ends_at=shut.end, reason=why, created_by=actor.name[:160],
        by_platform=actor.sees_every_tenant,
    )  # fmt: skip
    said = {"from": rfc3339(shut.begin), "to": rfc3339(shut.end), "reason": why}
    _changed("exclusion.add", actor, row, {**said, **_put_off(actor, before, now, "ends_at")})
    return row


@transaction.atomic
def remove_exclusion(*, actor: Actor, exclusion_id: int) -> None:
    """Take an exclusion away; one that has begun ends now, and the days that it took stay counted.

    Raises Refused exclusion_not_found 404, forbidden 403, exclusion_over 409, deferral_exhausted 409 where the tenant's own days
    lay under one of the platform's team.
    """
    row, now = _found(actor, Exclusion, exclusion_id, "exclusion"), utcnow()
    if row.ends_at <= now:
        raise Refused("exclusion_over", "This exclusion is over already; nothing waits for it.", status=409)
    before = _scheduled(_owner_of(row), now)
    if row.begins_at < now:
        row.ends_at = now
        row.save(update_fields=["ends_at"])
    else:
        Exclusion.objects.filter(pk=row.pk).delete()
    _changed(
        "exclusion.remove", actor, row, {"reason": row.reason, **_put_off(actor, before, now, "ends_at")}
    )


def windows_of(*, actor: Actor, owner: Owner) -> QuerySet[MaintenanceWindow]:
    """Return the owner's own windows. Raises Refused forbidden 403, runtime_not_found 404."""
    return MaintenanceWindow.objects.filter(**_owned(actor, owner, Permission.READ)).order_by("id")


def exclusions_of(*, actor: Actor, owner: Owner) -> QuerySet[Exclusion]:
    """Return the owner's own exclusions that are not over. Raises Refused forbidden 403, runtime_not_found 404."""
    whose = _owned(actor, owner, Permission.READ)
    return Exclusion.objects.filter(**whose, ends_at__gt=utcnow()).order_by("begins_at")


def _owned(actor: Actor, owner: Owner, permission: Permission = Permission.UPGRADE) -> dict[str, Any]:
    """Return the columns that say whose, if the actor may."""
    tenant_id = owner.tenant_id
    if owner.runtime_id is not None:
        found = Runtime.objects.filter(pk=owner.runtime_id, deleted_at=None).values_list(
            "tenant_id", flat=True
        )
        tenant_id = found.first()
        if tenant_id is None or not actor.may(Permission.READ, tenant_id=tenant_id):
            raise Refused("runtime_not_found", f"There is no runtime {owner.runtime_id}.", status=404)
    own = actor.sees_every_tenant if tenant_id is None else actor.may(permission, tenant_id=tenant_id)
    if not own or (tenant_id is None and not actor.may(Permission.ROLLOUT_MANAGE)):
        raise Refused("forbidden", "Your role may not change when these runtimes are upgraded.", status=403)
    if owner.plan:
        load_plan_facts(owner.plan)
    plan = owner.plan or None
    return {"tenant_id": tenant_id, "plan_id": plan, "runtime_id": owner.runtime_id}


def _found(actor: Actor, model: Any, row_id: int, noun: str) -> Any:
    row = model.objects.select_for_update().filter(pk=row_id).first()
    if row is None or (row.tenant_id and not actor.may(Permission.READ, tenant_id=row.tenant_id)):
        raise Refused(f"{noun}_not_found", f"There is no {noun} {row_id}.", status=404)
    _owned(actor, Owner(row.tenant_id, row.plan_id or "", row.runtime_id))
    return row


def _owner_of(row: MaintenanceWindow | Exclusion) -> dict[str, Any]:
    return {"tenant_id": row.tenant_id, "plan_id": row.plan_id, "runtime_id": row.runtime_id}


def _scheduled(whose: Mapping[str, Any], now: datetime) -> Scheduled | None:
    """Return what holds for the tenant before its windows or exclusions change; None of those of a plan, or everybody's."""
    tenant_id = whose["tenant_id"]
    if tenant_id is None:
        return None
    return scheduled_of(tenant_id=tenant_id, plan=whose["plan_id"], runtime_id=whose["runtime_id"], now=now)


def _put_off(actor: Actor, before: Scheduled | None, now: datetime, at: str) -> dict[str, Any]:
    """Return what the audit row says of upgrades that a change puts off."""
    if before is None:
        return {}
    count = count_put_off(actor=actor, scheduled=before, now=now, at=at, bounded=not actor.sees_every_tenant)
    return {"put_off": count} if count else {}


def _changed(action: str, actor: Actor, row: MaintenanceWindow | Exclusion, changes: dict[str, Any]) -> None:
    """Leave the audit row, and have targets that it concerns look at their windows again.

    A look under way goes by what held before, and says whom that makes ready only when it ends: so that is waited for.
    """
    hold_look()
    if rows(queries.ANY_UNDER_WAY, {})[0]["exists"]:
        looking, now = _targets_of(row), utcnow()
        shut = looking.filter(state=TargetState.WAITING, reason_code__in=["window", "excluded"])
        shut.update(due_at=now)
        looking.filter(state=TargetState.READY).update(
            state=TargetState.WAITING, due_at=now, since=F("since"), reason_code="window",
            reason="its maintenance window has changed",
        )  # fmt: skip
    audit.record(
        action,
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="runtime" if row.runtime_id else "tenant" if row.tenant_id else "plan",
        target_id=row.runtime_id or row.tenant_id or row.plan_id or "every",
        changes={**changes, **({"plan": row.plan_id} if row.plan_id else {})},
    )


def _targets_of(row: MaintenanceWindow | Exclusion) -> QuerySet[Target]:
    """Return the targets of those for whom it holds, or held."""
    if row.runtime_id:
        return Target.objects.filter(runtime=row.runtime_id)
    narrowed = {name: key for name, key in (("tenant", row.tenant_id), ("plan", row.plan_id)) if key}
    if not narrowed:
        return Target.objects.all()
    # A plain list: of a join PostgreSQL holds each target against each runtime while it takes both tables for empty ones.
    keys = list(Runtime.objects.filter(**narrowed, deleted_at=None).values_list("pk", flat=True))
    return Target.objects.filter(runtime__in=keys)
