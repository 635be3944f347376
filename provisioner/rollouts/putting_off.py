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
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import deferring_queries as queries
from provisioner.rollouts.deferring import DEFERRAL_WITHIN, Deferral, Shut, deferrals_of, one_at_a_time
from provisioner.rollouts.models import Target
from provisioner.rollouts.schedules import Schedules
from provisioner.rollouts.states import RolloutState, TargetState
from provisioner.rollouts.windows import LONGEST_EXCLUSION

# Of these, whoever waits is to begin yet.
MOVABLE = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.HALTED)


@dataclass(frozen=True)
class Scheduled:
    """Upgrades that wait for windows, or for a free place while these are open, and when each may begin as things stand."""

    tenant_id: UUID
    rows: Sequence[Mapping[str, Any]]  # target_id, tenant_id, plan_id, runtime_id, name, told
    begins: Mapping[UUID, datetime]  # by target


def scheduled_of(*, tenant_id: UUID, concerned: Q, now: datetime) -> Scheduled:
    """Return what a change of windows may put off; others of the tenant wait until the caller's transaction has ended.

    Rollouts that ignore windows are put off by none. One that is paused or halted may go on at any time, so its upgrades count.
    """
    one_at_a_time(tenant_id)
    waiting = Target.objects.filter(
        concerned,
        rollout__state__in=MOVABLE,
        state__in=[TargetState.WAITING, TargetState.READY],
        runtime__tenant=tenant_id,
    ).exclude(rollout__windows="ignore")
    found = list(
        waiting.values(
            "runtime_id", "reason_code", "reason_until", target_id=F("pk"), tenant_id=F("runtime__tenant_id"),
            plan_id=F("runtime__plan_id"), name=F("runtime__name"),
        )
    )  # fmt: skip
    return Scheduled(tenant_id, found, _begins(found, now))


def count_put_off(*, actor: Actor, scheduled: Scheduled, now: datetime) -> int:
    """Keep by how much the change, which has been written, puts these off, and return of how many runtimes it does.

    Whom it lets begin sooner gets back what was kept of a move before.
    Raises Refused window_never_opens 409; deferral_exhausted 409 where exclusions and moved windows together would take more than
    30 days of any 90 from one runtime: counted from the first moment at which its upgrade was to begin.
    """
    before, after = scheduled.begins, _begins(scheduled.rows, now)
    _give_back({key: at for key, at in after.items() if at < before.get(key, at)})
    later = [
        row for row in scheduled.rows
        if (at := before.get(row["target_id"])) and (row["target_id"] not in after or after[row["target_id"]] > at)
    ]  # fmt: skip
    if not later:
        return 0
    shut = Shut(deferrals_of(scheduled.tenant_id, now))
    for row in later:
        begin, end = before[row["target_id"]], after.get(row["target_id"])
        if end is None:
            detail = f"The upgrade of {row['name']} would never begin: leave one window in which it can."
            raise Refused("window_never_opens", detail, status=409)
        if shut.longest(Deferral(begin, end, row["plan_id"], row["runtime_id"])) > LONGEST_EXCLUSION:
            raise _exhausted(row["name"], begin, end)
    targets = [row["target_id"] for row in later]
    kept = {
        "targets": targets,
        "begins": [before[key] for key in targets],
        "ends": [after[key] for key in targets],
    }
    rows(queries.KEEP, {**kept, "by": actor.name[:160]})
    return len({row["runtime_id"] for row in later})


def _give_back(sooner: Mapping[UUID, datetime]) -> None:
    if sooner:
        rows(queries.GIVE_BACK, {"targets": list(sooner), "ends": list(sooner.values())})


def _begins(waiting: Sequence[Mapping[str, Any]], now: datetime) -> dict[UUID, datetime]:
    """Return when each target may begin at the earliest; who never may is left out."""
    schedules, begins = Schedules.of(waiting, now), dict[UUID, datetime]()
    for row in waiting:
        told = row["reason_until"] if row["reason_code"] == "notice" else None
        opening = schedules.opening(row, max(now, told or now))
        if opening is not None:
            begins[row["target_id"]] = opening.begin
    return begins


def _exhausted(name: str, begin: datetime, end: datetime) -> Refused:
    detail = (
        f"This would put the upgrade of {name} off from {begin:%a %d %b %H:%M} to {end:%a %d %b %H:%M} UTC. Exclusions, and "
        f"windows that are moved while an upgrade waits for them, may together take {LONGEST_EXCLUSION.days} days out of "
        f"{DEFERRAL_WITHIN.days} from one runtime. Leave the window as it is, choose one that opens sooner, or upgrade now."
    )
    return Refused("deferral_exhausted", detail, field="days", status=409)
