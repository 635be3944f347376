"""Who would be left behind because a maintenance window opens only when its stage waits no longer. Pure.

A stage waits for windows up to its deadline, and whoever may begin while the gates behind it are shut is upgraded yet. So the
stages are gone through in their order: each begins once the one before has waited for its own, and for no longer than it would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from controlplane.kernel.errors import Refused
from provisioner.rollouts.assigning import Frozen
from provisioner.rollouts.calendars import Calendar
from provisioner.rollouts.gates.registry import least_wait
from provisioner.rollouts.plan import GatePlan
from provisioner.rollouts.selector import Member

CODE = "window_behind_deadline"


@dataclass(frozen=True)
class Late:
    """Members of a stage, by number, whose windows open behind `deadline`: the first of all at `opens`."""

    stage: int
    deadline: datetime
    opens: datetime
    members: Sequence[Member]


def late_of(
    frozen: Frozen, calendars: Mapping[UUID, Calendar], now: datetime, works: Sequence[float] = ()
) -> list[Late]:
    """Return them by stage, of those that have any; `works` are seconds that the upgrades of each stage take."""
    at, found = 0.0, list[Late]()
    mays: list[list[tuple[Calendar, Member]]] = [[] for _ in frozen.stages]
    for place in frozen.places:
        if place.member.runtime_id in calendars:
            mays[place.stage].append((calendars[place.member.runtime_id], place.member))
    for number, stage in enumerate(frozen.stages):
        at += _wait(stage.before, at, now)
        until = at + stage.deadline_hours * 3600
        passed = until + _wait(stage.after, until, now)
        opens = [(may(at)[0], member) for may, member in mays[number]]
        late = [one for one in opens if one[0] > passed]
        if late:
            first = min(begin for begin, _ in late)
            found.append(
                Late(
                    number,
                    to_the_second(now, until),
                    to_the_second(now, first),
                    [member for _, member in late],
                )
            )
        waited = max((min(begin, until) for begin, _ in opens), default=at)
        at = max(waited, at + (works[number] if works else 0.0))
        at += _wait(stage.after, at, now)
    return found


def refuse_all_late(frozen: Frozen, calendars: Mapping[UUID, Calendar], now: datetime) -> None:
    """Raise Refused window_behind_deadline 409 when that is everybody.

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
    detail = (
        f"Nobody would be upgraded: {len(members)} of {len(members)} selected runtimes would be left behind, for example "
        f"{members[0].name} of {members[0].tenant}, as {whose} behind the deadline of the stage; the last one ends on "
        f"{last.deadline:%d %b %H:%M} UTC, and the first window behind it opens on {last.opens:%d %b %H:%M} UTC. Give the stages "
        "more `deadline_hours`, start later, or select others."
    )
    raise Refused(CODE, detail, field="stages", status=409)


def _wait(gates: Sequence[GatePlan], at: float, now: datetime) -> float:
    return least_wait([(gate.kind, gate.settings) for gate in gates], now + timedelta(seconds=at))


def to_the_second(now: datetime, at: float) -> datetime:
    """Return the moment so many seconds from now, to the second, as windows open."""
    return (now + timedelta(seconds=at, microseconds=500_000)).replace(microsecond=0)
