"""Tells tenants beforehand that a rollout comes to their runtimes: one message each, once, with its earliest moment.

Those whose runtimes join later are told as they join.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.errors import Refused
from controlplane.notices.webhooks import emit
from controlplane.tenants.isolation.prepared import rows
from controlplane.tenants.isolation.scopes import platform_scope
from provisioner.lifecycle import upgrade_notices
from provisioner.rollouts import reading_queries
from provisioner.rollouts.facts import Facts
from provisioner.rollouts.gates.registry import least_wait
from provisioner.rollouts.models import Rollout, Stage, Target
from provisioner.rollouts.schedules import Schedules
from provisioner.rollouts.states import TargetState
from provisioner.rollouts.windows import Opening

log = structlog.get_logger(__name__)

EVENT = "runtime.upgrade_planned"
MOST = upgrade_notices.MOST_NAMED
SOON = timedelta(minutes=1)
IN_ITS_TURN = "in its turn"


@dataclass(frozen=True)
class _Coming:
    """What is told of: `begins` is the earliest moment of each stage, as far as its gates say."""

    rollout_id: UUID
    release: str
    ignores_windows: bool
    begins: Mapping[int, datetime]
    key: str  # the occasion: telling of it again adds no message


def tell_beforehand(now: datetime) -> int:
    """Tell of rollouts that have begun since the last look, and return to how many tenants; who dies meanwhile tells again."""
    return sum(
        _tell_of(row["id"], row["release_key"], row["windows"], now)
        for row in rows(reading_queries.UNTOLD, {})
    )


def tell_joined(facts: Facts, joined: Sequence[UUID], until: datetime | None, now: datetime) -> None:
    """Tell of runtimes that join a rollout under way; a message that breaks keeps nobody from joining."""
    coming = _Coming(
        rollout_id=facts.id,
        release=facts.release,
        ignores_windows=facts.plan.get("windows") == "ignore",
        begins={stage.position: until or now for stage in facts.stages},
        key=f"{facts.id}:{now.isoformat()}",
    )
    try:
        with transaction.atomic():
            _tell_tenants(coming, list(joined), now)
    except Exception:
        log.exception("rollouts.heralding_broke", rollout=str(facts.id))


@transaction.atomic
def _tell_of(rollout_id: UUID, release: str, windows: str, now: datetime) -> int:
    if not Rollout.objects.filter(pk=rollout_id, told_at=None).update(told_at=now):
        return 0
    begins = _earliest(rollout_id, now)
    coming = _Coming(rollout_id, release, windows == "ignore", begins, str(rollout_id))
    return _tell_tenants(coming, None, now)


def _tell_tenants(coming: _Coming, joined: list[UUID] | None, now: datetime) -> int:
    by_tenant: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(reading_queries.COMING, {"rollout": coming.rollout_id, "joined": joined}):
        by_tenant[row["tenant_id"]].append(row)
    shown = [row for found in by_tenant.values() for row in found[:MOST]]
    schedules = None if coming.ignores_windows else Schedules.of(shown, now)
    for tenant, found in by_tenant.items():
        named = [_named(row, coming, schedules, now) for row in found[:MOST]]
        _tell(tenant, coming, named + [_unnamed(row) for row in found[MOST:]])
    return len(by_tenant)


def when_it_comes(*, rollout_id: UUID, runtime_id: UUID, now: datetime) -> str:
    """Return when the upgrade of a runtime whose stage has not begun may begin, as a message of now would say it.

    Its tenant may know that, and not what of the rollout says so.
    """
    with platform_scope():
        planned = Target.objects.filter(rollout=rollout_id, runtime=runtime_id, state=TargetState.PLANNED)
        found: Mapping[str, Any] | None = planned.values(
            "runtime_id", "reason_until", name=F("runtime__name"), tenant_id=F("runtime__tenant_id"),
            plan_id=F("runtime__plan_id"), stage_number=F("stage__position"), release=F("rollout__release_key"),
            windows=F("rollout__windows"),
        ).first()  # fmt: skip
        if found is None:
            return IN_ITS_TURN
        row = {**found, "stage": found["stage_number"]}
        begins = _earliest(rollout_id, now)
        if row["reason_until"]:  # the notice of who joined
            begins[row["stage"]] = max(begins.get(row["stage"], now), row["reason_until"])
        ignores = row["windows"] == "ignore"
        coming = _Coming(rollout_id, row["release"], ignores, begins, "")
        when: str = _named(row, coming, None if ignores else Schedules.of([row], now), now)["when"]
    return when


def _tell(tenant: UUID, coming: _Coming, runtimes: Sequence[Mapping[str, Any]]) -> None:
    """Write the messages; a tenant whose address no mail can be sent to keeps none from the others."""
    named = [{name: one[name] for name in ("id", "name", "not_before")} for one in runtimes[:MOST]]
    data = {
        "release": coming.release,
        "rollout": str(coming.rollout_id),
        "count": len(runtimes),
        "runtimes": named,
    }
    subject, key = str(coming.rollout_id), f"{EVENT}:{coming.key}"
    try:
        with transaction.atomic():
            emit(tenant_id=tenant, kind=EVENT, subject=subject, data=data, dedupe_key=key)
            upgrade_notices.tell_planned(
                tenant_id=tenant, release=coming.release, runtimes=runtimes, key=coming.key
            )
    except Refused as refused:
        log.warning("rollouts.tenant_not_told", tenant=str(tenant), code=refused.code)


def _earliest(rollout_id: UUID, now: datetime) -> dict[int, datetime]:
    """Return when each stage begins at the earliest: behind the notice, soaks and scheduled starts that are known."""
    at, begins = now, dict[int, datetime]()
    for stage in Stage.objects.filter(rollout=rollout_id).order_by("position").prefetch_related("gates"):
        shut = [gate for gate in stage.gates.all() if not gate.open]
        for side in ("before", "after"):
            theirs = [gate for gate in shut if gate.side == side]
            asked = [(gate.kind, gate.settings) for gate in theirs if gate.until is None]
            known = [gate.until for gate in theirs if gate.until is not None]
            at = max([at + timedelta(seconds=least_wait(asked, at)), *known])
            begins.setdefault(stage.position, at)
    return begins


def _named(
    row: Mapping[str, Any], coming: _Coming, schedules: Schedules | None, now: datetime
) -> dict[str, Any]:
    """Return it as messages have it, with the earliest moment at which it may begin."""
    earliest = coming.begins.get(row["stage"], now)
    opening = schedules.opening(row, earliest) if schedules else None
    at = opening.begin if opening else earliest
    when = IN_ITS_TURN
    if at > now + SOON:
        why = _why(opening, windows=bool(schedules and schedules.windows_for(row))) if at > earliest else ""
        when = f"not before {at:%-d %b %H:%M} UTC{why}"
    return {**_unnamed(row), "when": when, "not_before": rfc3339(at)}


def _why(opening: Opening | None, *, windows: bool) -> str:
    """Say what is waited for up to then."""
    if opening is None or not opening.excluded:
        return ", when its maintenance window opens"
    return ", when its exclusion is over" + (" and its maintenance window is open" if windows else "")


def _unnamed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": str(row["runtime_id"]), "name": row["name"], "when": "", "not_before": None}
