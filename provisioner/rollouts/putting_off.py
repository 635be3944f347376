"""What a tenant's change of windows or exclusions puts off, and whether it may: one reckoning for all of them.

An upgrade that waits was to begin at a first moment. From there on every day counts up to that at which it may begin as things
stand: by the exclusions as long as the windows are those that they took it from, and in rows of its own once these are moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import deferring_queries as queries
from provisioner.rollouts.deferring import (
    Rules,
    concerned_rows,
    one_at_a_time,
    put_off_of,
    spans_of,
)
from provisioner.rollouts.models import Target
from provisioner.rollouts.states import RolloutState, TargetState
from provisioner.rollouts.taken import BOUND, DEFERRAL_WITHIN, Span, between, exceeds, without

# Of these, whoever waits is to begin yet.
MOVABLE = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.HALTED)
WAIT = (TargetState.WAITING, TargetState.READY)
_Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scheduled:
    """What holds before a change: for the runtimes that it concerns, and for upgrades that wait, or lately did."""

    tenant_id: UUID
    rules: Rules
    runtimes: Sequence[_Row]  # tenant_id, plan_id, runtime_id, name
    waiting: Sequence[_Row]  # the same, with target_id and what its reason is
    waited: Sequence[_Row]  # the same, with `ended`
    begins: Mapping[UUID, datetime]  # by target
    put_off: Mapping[UUID, list[_Row]]  # by runtime


@dataclass
class _Change:
    """What it comes to."""

    rules: Rules
    begins: Mapping[UUID, datetime]
    put_off: Mapping[UUID, list[_Row]]
    later: dict[UUID, _Row] = field(default_factory=dict)  # by target
    moved: dict[UUID, Span] = field(default_factory=dict)  # of these, what counts
    kept: list[tuple[_Row, Span, bool]] = field(default_factory=list)  # True: exclusions took it


def scheduled_of(*, tenant_id: UUID, plan: str | None, runtime_id: UUID | None, now: datetime) -> Scheduled:
    """Return what a change may put off; others of the tenant wait until the caller's transaction has ended.

    Rollouts that ignore windows are put off by none. One that is paused or halted may go on at any time, so its upgrades count.
    """
    one_at_a_time(tenant_id)
    rules = Rules.of(tenant_id, now)
    narrowed = {"runtime": runtime_id, "runtime__plan": plan}
    theirs = Target.objects.filter(
        runtime__tenant=tenant_id, runtime__deleted_at=None, **{key: one for key, one in narrowed.items() if one}
    ).exclude(rollout__windows="ignore")  # fmt: skip
    columns = (
        "runtime_id", "reason_code", "reason_until", "started_at", "finished_at", "since",
    )  # fmt: skip
    renamed = {
        "target_id": F("pk"), "tenant_id": F("runtime__tenant_id"), "plan_id": F("runtime__plan_id"), "name": F("runtime__name"),
    }  # fmt: skip
    waits = Q(rollout__state__in=MOVABLE, state__in=WAIT)
    waiting = list(theirs.filter(waits).values(*columns, **renamed))
    lately = now - DEFERRAL_WITHIN
    over = theirs.exclude(waits).exclude(state=TargetState.PLANNED).filter(since__gt=lately)
    return Scheduled(
        tenant_id=tenant_id,
        rules=rules,
        runtimes=concerned_rows(rules, tenant_id=tenant_id, plan=plan, runtime_id=runtime_id),
        waiting=waiting,
        waited=list(over.values(*columns, **renamed)) if rules.excludes else [],
        begins=_begins(rules, waiting, now),
        put_off=put_off_of(tenant_id, now),
    )


def count_put_off(*, actor: Actor, scheduled: Scheduled, now: datetime, at: str, bounded: bool = True) -> int:
    """Keep by how much the change, which has been written, puts upgrades off, and return of how many runtimes it does.

    Whom it lets begin sooner gets back what was kept of a move before. `at` names the field that is at fault. Not `bounded`: the
    platform's team changes it, which counts against nobody.
    Raises Refused window_never_opens 409; deferral_exhausted 409 where exclusions and moved windows together would take more than
    30 days of any 90 from one runtime, and more than they did.
    """
    rules = Rules.of(scheduled.tenant_id, now)
    change = _Change(rules, _begins(rules, scheduled.waiting, now), scheduled.put_off)
    sooner = {key: one for key, one in change.begins.items() if one < scheduled.begins.get(key, one)}
    if sooner:
        rows(queries.GIVE_BACK, {"targets": list(sooner), "ends": list(sooner.values())})
        change.put_off = put_off_of(scheduled.tenant_id, now)
    if bounded:
        _move(scheduled, change)
    change.kept = [
        *((row, span, True) for row, span in _settled(scheduled, change)),
        *((row, change.moved[key], False) for key, row in change.later.items()),
    ]
    if bounded:
        _judge(scheduled, change, now, at)
    _keep(actor, change)
    return len({row["runtime_id"] for row in change.later.values()})


def _begins(rules: Rules, waiting: Sequence[_Row], now: datetime) -> dict[UUID, datetime]:
    """Return when each target may begin at the earliest; who never may is left out."""
    found = ((row["target_id"], rules.opening(row, max(now, _told(row) or now))) for row in waiting)
    return {key: begin for key, begin in found if begin is not None}


def _told(row: _Row) -> datetime | None:
    """Return when the notice of its tenant is over."""
    told: datetime | None = row["reason_until"] if row["reason_code"] == "notice" else None
    return told


def _move(scheduled: Scheduled, change: _Change) -> None:
    """Note what begins later, from when it would have up to when it may; what the platform shuts there is not the tenant's."""
    for row in scheduled.waiting:
        key = row["target_id"]
        before = scheduled.begins.get(key)
        if before is None or (key in change.begins and change.begins[key] <= before):
            continue
        end = change.rules.own_opening(row, before) if key in change.begins else None
        if end is None:
            detail = f"The upgrade of {row['name']} would never begin: leave one window in which it can."
            raise Refused("window_never_opens", detail, status=409)
        change.later[key], change.moved[key] = row, (before, end)


def _settled(scheduled: Scheduled, change: _Change) -> Iterator[tuple[_Row, Span]]:
    """Yield what exclusions took, by the windows of before, from upgrades that waited: moved windows take back none of it."""
    for row in scheduled.waiting:
        begins = [
            one[row["target_id"]] for one in (scheduled.begins, change.begins) if row["target_id"] in one
        ]
        for span in between(scheduled.rules.taken(row, _since(row)), end=min(begins, default=None)):
            yield row, span
    for row in scheduled.waited:
        ended = row["started_at"] or row["finished_at"] or row["since"]
        for span in between(scheduled.rules.taken(row, _since(row)), end=ended):
            yield row, span


def _since(row: _Row) -> datetime:
    """Return from when on it waits: nothing before puts this upgrade off."""
    made = datetime.fromtimestamp((row["target_id"].int >> 80) / 1000, UTC)
    return max(_told(row) or made, made)


def _judge(scheduled: Scheduled, change: _Change, now: datetime, at: str) -> None:
    """Refuse what would exceed the bound; what has passed goes by the windows that held."""
    past, new = scheduled.rules.but_excluding(change.rules), dict[UUID, list[Span]]()
    later = {row["runtime_id"]: change.moved[key] for key, row in change.later.items()}
    for row, span, _ in change.kept:
        new.setdefault(row["runtime_id"], []).append(span)
    known = dict[tuple[tuple[Span, ...], ...], bool]()
    for row in scheduled.runtimes:
        key = row["runtime_id"]
        old = (*scheduled.rules.taken(row), *spans_of(scheduled.put_off.get(key, ())))
        then = (
            *between(past.taken(row), end=now), *between(change.rules.taken(row), begin=now),
            *spans_of(change.put_off.get(key, ())), *new.get(key, ()),
        )  # fmt: skip
        if (old, then) not in known:
            known[old, then] = exceeds(old, then)
        if known[old, then]:
            raise _exhausted(row["name"], later.get(key) or without(then, old)[0], at)


def _keep(actor: Actor, change: _Change) -> None:
    """Write what nothing else says: neither rows that are there, nor the exclusions by the windows as they are now."""
    columns: dict[str, list[Any]] = {"targets": [], "begins": [], "ends": [], "excluded": []}
    for row, span, excluded in change.kept:
        there = (*spans_of(change.put_off.get(row["runtime_id"], ())), *change.rules.taken(row))
        for begin, end in without([span], there):
            for name, value in zip(columns, (row["target_id"], begin, end, excluded), strict=True):
                columns[name].append(value)
    if columns["targets"]:
        rows(queries.KEEP, {**columns, "by": actor.name[:160]})


def _exhausted(name: str, span: Span, at: str) -> Refused:
    whom = f"the upgrade of {name}" if name else "upgrades"
    what = (
        "Choose fewer days, remove an exclusion that has not begun, or upgrade now."
        if at == "ends_at"
        else "Leave the window as it is, choose one that opens sooner, or upgrade now."
    )
    detail = (
        f"This would put {whom} off from {span[0]:%a %d %b %H:%M} to {span[1]:%a %d %b %H:%M} UTC. Exclusions, and windows moved "
        f"while an upgrade waited for them, may together take {BOUND.days} days out of {DEFERRAL_WITHIN.days} from one runtime. "
        f"{what} The page Maintenance says what counts."
    )
    return Refused("deferral_exhausted", detail, field=at, status=409)
