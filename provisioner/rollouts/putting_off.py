"""A tenant that moves its windows while upgrades wait for them puts these off: such days count with its exclusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from provisioner.rollouts.deferring import DEFERRAL_WITHIN, Deferral, deferrals_of, longest, one_at_a_time
from provisioner.rollouts.models import PutOff, Target
from provisioner.rollouts.schedules import Schedules
from provisioner.rollouts.states import RolloutState, TargetState
from provisioner.rollouts.windows import LONGEST_EXCLUSION


@dataclass(frozen=True)
class Scheduled:
    """Upgrades that wait for windows, or for a free place while these are open, and when each may begin as things stand."""

    tenant_id: UUID
    rows: Sequence[Mapping[str, Any]]  # tenant_id, plan_id, runtime_id, name, told
    begins: Mapping[UUID, datetime]


def scheduled_of(*, tenant_id: UUID, concerned: Q, now: datetime) -> Scheduled:
    """Return what a change of windows may put off; others of the tenant wait until the caller's transaction has ended."""
    one_at_a_time(tenant_id)
    waiting = Target.objects.filter(
        concerned,
        rollout__state=RolloutState.RUNNING,
        state__in=[TargetState.WAITING, TargetState.READY],
        runtime__tenant=tenant_id,
    )
    rows = list(
        waiting.values(
            "runtime_id", "reason_code", "reason_until", tenant_id=F("runtime__tenant_id"),
            plan_id=F("runtime__plan_id"), name=F("runtime__name"),
        )
    )  # fmt: skip
    return Scheduled(tenant_id, rows, _begins(rows, now))


def count_put_off(*, actor: Actor, scheduled: Scheduled, now: datetime) -> int:
    """Keep by how much the change, which has been written, puts these off, and return how many it does.

    Whom it lets begin sooner gets back what was kept of a move before.
    Raises Refused window_never_opens 409; deferral_exhausted 409 where exclusions and moved windows together would take more than
    30 days of any 90 from one runtime: counted from the first moment at which its upgrade was to begin.
    """
    after = _begins(scheduled.rows, now)
    there = deferrals_of(scheduled.tenant_id, now) if scheduled.rows else []
    found: dict[UUID, PutOff] = {}
    sooner = {key: at for key, at in after.items() if at < scheduled.begins.get(key, at)}
    _give_back(sooner)
    for row in scheduled.rows:
        key = row["runtime_id"]
        begin, end = scheduled.begins.get(key), after.get(key)
        if begin is None or key in found or (end is not None and end <= begin):
            continue
        if end is None:
            detail = f"The upgrade of {row['name']} would never begin: leave one window in which it can."
            raise Refused("window_never_opens", detail, status=409)
        wanted = Deferral(begin, end, row["plan_id"], key)
        if longest([one for one in there if one.runtime_id in {None, key}], wanted) > LONGEST_EXCLUSION:
            raise _exhausted(row["name"], begin, end)
        found[key] = PutOff(runtime_id=key, begins_at=begin, ends_at=end, created_by=actor.name[:160])
    PutOff.objects.bulk_create(found.values())
    return len(found)


def _give_back(sooner: Mapping[UUID, datetime]) -> None:
    for kept in PutOff.objects.filter(runtime__in=list(sooner)):
        end = sooner[kept.runtime_id]
        if kept.begins_at >= end:
            kept.delete()
        elif kept.ends_at > end:
            PutOff.objects.filter(pk=kept.pk).update(ends_at=end)


def _begins(rows: Sequence[Mapping[str, Any]], now: datetime) -> dict[UUID, datetime]:
    """Return when each may begin at the earliest; who never may is left out."""
    schedules, begins = Schedules.of(rows, now), dict[UUID, datetime]()
    for row in rows:
        told = row["reason_until"] if row["reason_code"] == "notice" else None
        opening = schedules.opening(row, max(now, told or now))
        if opening is not None:
            begins[row["runtime_id"]] = min(opening.begin, begins.get(row["runtime_id"], opening.begin))
    return begins


def _exhausted(name: str, begin: datetime, end: datetime) -> Refused:
    detail = (
        f"This would put the upgrade of {name} off from {begin:%a %d %b %H:%M} to {end:%a %d %b %H:%M} UTC. Exclusions, and "
        f"windows that are moved while an upgrade waits for them, may together take {LONGEST_EXCLUSION.days} days out of "
        f"{DEFERRAL_WITHIN.days} from one runtime. Leave the window as it is, choose one that opens sooner, or upgrade now."
    )
    return Refused("deferral_exhausted", detail, field="days", status=409)
