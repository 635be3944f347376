"""Who would be left behind because a maintenance window opens only when its stage waits no longer. Pure.

A stage waits for windows up to its deadline, and whoever may begin while the gates behind it are shut is upgraded yet. So the
stages are gone through in their order: each begins once the one before has waited for its own, and for no longer than it would.
Where a gate opens that nobody knows the moment of, nobody is surely late any more: neither behind it nor, as a stage goes on
working while the gates behind it are shut, of the stage before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from uuid import UUID

from controlplane.kernel.errors import Refused
from provisioner.rollouts.assigning import Frozen
from provisioner.rollouts.calendars import Calendar
from provisioner.rollouts.gates.base import no_wait
from provisioner.rollouts.gates.registry import gate_of, least_wait
from provisioner.rollouts.plan import GatePlan, StagePlan
from provisioner.rollouts.selector import Member

CODE = "window_behind_deadline"


@dataclass(frozen=True)
class Late:
    """Members of a stage, by number, whose windows open behind `deadline`: the first of all at `opens`; None: never again."""

    stage: int
    deadline: datetime
    opens: datetime | None
    members: Sequence[Member]


def late_of(
    frozen: Frozen, calendars: Mapping[UUID, Calendar], now: datetime, works: Sequence[float] = ()
) -> list[Late]:
    """Return who is surely late by stage, of those that have any, as long as upgraded runtimes are well.

    `works` are seconds that the upgrades of each stage take.
    """
    at, found = 0.0, list[Late]()
    mays: list[list[tuple[Calendar, Member]]] = [[] for _ in frozen.stages]
    for place in frozen.places:
        if place.member.runtime_id in calendars:
            mays[place.stage].append((calendars[place.member.runtime_id], place.member))
    for number, stage in enumerate(frozen.stages):
        if not (_is_known(stage.before) and _is_known(stage.after)):
            break
        at += _wait(stage.before, at, now)
        until = at + stage.deadline_hours * 3600
        opens = [(may(at)[0], member) for may, member in mays[number]]  # infinite: never again
        begins = sorted(begin for begin, _ in opens if begin < inf)  # whose never does holds no stage up
        waited = min(begins[-1], until) if begins else at
        at = _passed(stage, begins, max(waited, at + (works[number] if works else 0.0)), until, now)
        late = [member for begin, member in opens if begin > max(at, until)]
        if late:
            first = next((to_the_second(now, begin) for begin in begins if begin > max(at, until)), None)
            found.append(Late(number, to_the_second(now, until), first, late))
    return found


def _passed(stage: StagePlan, begins: Sequence[float], done: float, until: float, now: datetime) -> float:
    """Return when the gates behind a stage open: whoever begins while they are shut has them asked anew."""
    passed = done + _wait(stage.after, done, now)
    for begin in begins:
        if until < begin <= passed:
            passed = max(passed, begin + _wait(stage.after, begin, now))
    return passed


def refuse_all_late(frozen: Frozen, calendars: Mapping[UUID, Calendar], now: datetime) -> None:
    """Raise Refused window_behind_deadline 409 when that is everybody, which it surely is only where every gate's wait is known.

    However long upgrades take: where nobody is upgraded, none does, and no stage begins any later for it.
    """
    if len(calendars) < len(frozen.places):
        return
    late = late_of(frozen, calendars, now)
    members = [member for one in late for member in one.members]
    if not members or len(members) < len(frozen.places):
        return
    last = late[-1]
    whose = "its window opens" if len(members) == 1 else "their windows open"
    window = "no window opens behind it"
    if last.opens is not None:
        window = f"the first window behind it opens on {last.opens:%d %b %H:%M} UTC"
    detail = (
        f"Nobody would be upgraded: {len(members)} of {len(members)} selected runtimes would be left behind, for example "
        f"{members[0].name} of {members[0].tenant}, as {whose} behind the deadline of the stage; the last one ends on "
        f"{last.deadline:%d %b %H:%M} UTC, and {window}. Give the stages "
        "more `deadline_hours`, start later, or select others."
    )
    raise Refused(CODE, detail, field="stages", status=409)


def _is_known(gates: Sequence[GatePlan]) -> bool:
    return all(gate_of(gate.kind).least_seconds is not no_wait for gate in gates)


def _wait(gates: Sequence[GatePlan], at: float, now: datetime) -> float:
    return least_wait([(gate.kind, gate.settings) for gate in gates], now + timedelta(seconds=at))


def to_the_second(now: datetime, at: float) -> datetime:
    """Return the moment so many seconds from now, to the second, as windows open."""
    return (now + timedelta(seconds=at, microseconds=500_000)).replace(microsecond=0)
