"""Drafts a rollout, and starts it: from then on its plan, its release and its members are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts.assigning import Place
from provisioner.rollouts.facts import stored
from provisioner.rollouts.joining import add_targets
from provisioner.rollouts.kept_preview import as_kept
from provisioner.rollouts.models import EmergencyStop, Gate, Rollout, Stage
from provisioner.rollouts.permitted import held, may_manage
from provisioner.rollouts.planning import Planned, plan_rollout
from provisioner.rollouts.previewing import preview_of
from provisioner.rollouts.states import RolloutState
from provisioner.rollouts.telling import tell

LONGEST_NAME = 80
FARTHEST_PRIORITY = 100

# Each with its own reason: words of one code name different things. Rides on target_once_per_rollout.
LEAVE_BEHIND = """
UPDATE rollouts_target t
SET state = 'left_behind', reason_code = m.code, reason = m.reason, finished_at = %(now)s::timestamptz
FROM unnest(%(runtimes)s::uuid[], %(codes)s::text[], %(reasons)s::text[]) AS m(runtime_id, code, reason)
WHERE t.rollout_id = %(rollout)s::uuid AND t.runtime_id = m.runtime_id AND t.state = 'planned'"""


@transaction.atomic
def create_rollout(
    *,
    actor: Actor,
    name: str,
    release: str,
    selector: str,
    plan: Mapping[str, Any] | None = None,
    urgent: bool = False,
    overlap: bool = False,
    priority: int = 0,
) -> Rollout:
    """Return a draft; `plan` as in `provisioner.rollouts.plan`, left out for the safe default. Nothing happens until it starts.

    Raises Refused forbidden 403, name_invalid, priority_invalid, and everything that a start would be refused for.
    """
    may_manage(actor)
    title = _title(name, priority)
    wish: dict[str, Any] = dict(plan or {})
    now = utcnow()
    planned = plan_rollout(
        release=release, selector=selector, plan=wish, urgent=urgent, overlap=overlap, now=now
    )
    rollout: Rollout = Rollout.objects.create(
        name=title, release_key=release, selector=" ".join(selector.split()), plan=wish, urgent=urgent,
        overlap=overlap, priority=priority, created_by=actor.name[:160],
        preview=as_kept(preview_of(planned, now)), previewed_at=now,
    )  # fmt: skip
    changes = {
        "name": title, "release": release, "selector": rollout.selector, "urgent": urgent, "plan": wish,
    }  # fmt: skip
    audit.record(
        "rollout.create",
        actor=actor,
        tenant_id=None,
        target_type="rollout",
        target_id=rollout.id,
        changes=changes,
    )
    return rollout


def _title(name: str, priority: int) -> str:
    title = " ".join(name.split())
    if not 1 <= len(title) <= LONGEST_NAME or not title.isprintable():
        detail = f"A rollout needs a name of 1 to {LONGEST_NAME} characters."
        raise Refused("name_invalid", detail, field="name")
    if abs(priority) > FARTHEST_PRIORITY:
        detail = f"priority goes from -{FARTHEST_PRIORITY} to {FARTHEST_PRIORITY}; higher ones go first."
        raise Refused("priority_invalid", detail, field="priority")
    return title


@transaction.atomic
def start_rollout(*, actor: Actor, rollout_id: UUID) -> Rollout:
    """Freeze a draft as things stand now, and let it begin.

    Raises Refused rollout_not_found 404, rollout_not_draft 409, emergency_stop 409, and as `create_rollout` does.
    """
    rollout = held(actor, rollout_id)
    if rollout.state != RolloutState.DRAFT:
        raise Refused(
            "rollout_not_draft", f"The rollout has been started: it is {rollout.state}.", status=409
        )
    refuse_stopped()
    now = utcnow()
    planned = plan_rollout(
        release=rollout.release_key, selector=rollout.selector, plan=rollout.plan, urgent=rollout.urgent,
        overlap=rollout.overlap, now=now, rollout_id=rollout.id,
    )  # fmt: skip
    stages = _write_stages(rollout, planned)
    add_targets(rollout_id=rollout.id, stages=stages, places=planned.frozen.places, now=now)
    _leave_behind(rollout, planned, stages, now)
    rollout.limits = {
        "concurrency": stored(planned.frozen.concurrency),
        "failures": stored(planned.frozen.failures),
    }
    # What was left out of the plan is written down too: a later default changes nothing that runs.
    rollout.plan = {**rollout.plan, **_settled(planned)}
    rollout.state, rollout.started_at, rollout.hold = RolloutState.RUNNING, now, ""
    rollout.total = len(planned.frozen.places) + sum(not one.passing for one in planned.ineligible)
    rollout.tokens, rollout.tokens_at = float(planned.plan.burst), now
    rollout.joined_at, rollout.preview, rollout.previewed_at = now, None, None
    rollout.save()
    tell(rollout, "rollout", before="draft", after=rollout.state, actor=actor)
    return rollout


def refuse_stopped() -> None:
    """Refuse while the emergency stop is engaged."""
    stop = EmergencyStop.objects.filter(released_at=None).first()
    if stop is not None:
        detail = f"The emergency stop is engaged by {stop.engaged_by}: {stop.reason}. Release it first."
        raise Refused("emergency_stop", detail, status=409)


def _settled(planned: Planned) -> dict[str, Any]:
    plan = planned.plan
    return {
        "starts_per_minute": plan.starts_per_minute,
        "burst": plan.burst,
        "join": plan.join,
        "windows": plan.windows,
        "notice_hours": plan.notice_hours,
        "breaker": plan.breaker,
        "order": plan.order,
        "max_concurrency": str(plan.max_concurrency),
        "max_failures": str(plan.max_failures),
    }


def _write_stages(rollout: Rollout, planned: Planned) -> dict[int, int]:
    """Write stages and their gates, and return the rows' ids by number."""
    counts = [0] * len(planned.frozen.stages)
    for place in planned.frozen.places:
        counts[place.stage] += 1
    made = Stage.objects.bulk_create(
        Stage(
            rollout=rollout, position=number, name=stage.name, total=counts[number],
            deadline_seconds=max(1, int(stage.deadline_hours * 3600)),
        )
        for number, stage in enumerate(planned.frozen.stages)
    )  # fmt: skip
    Gate.objects.bulk_create(
        Gate(stage=row, side=side, position=position, kind=gate.kind, settings=dict(gate.settings))
        for row, stage in zip(made, planned.frozen.stages, strict=True)
        for side, gates in (("before", stage.before), ("after", stage.after))
        for position, gate in enumerate(gates)
    )
    return {row.position: row.pk for row in made}


def _leave_behind(rollout: Rollout, planned: Planned, stages: Mapping[int, int], now: datetime) -> None:
    """Write those that can't come along as left behind, with the reason."""
    lasting = {one.member.runtime_id: one for one in planned.ineligible if not one.passing}
    if not lasting:
        return
    last, first = max(stages), len(planned.frozen.places)
    places = [Place(one.member, last, "", first + count) for count, one in enumerate(lasting.values())]
    add_targets(rollout_id=rollout.id, stages=stages, places=places, now=now)
    given = {
        "rollout": rollout.pk,
        "now": now,
        "runtimes": list(lasting),
        "codes": [one.code[:64] for one in lasting.values()],
        "reasons": [one.reason[:500] for one in lasting.values()],
    }
    rows(LEAVE_BEHIND, given)
