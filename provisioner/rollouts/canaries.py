"""Who stands in for a drawn canary whose window opens days behind the beginning of its stage. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from provisioner.rollouts.calendars import May
from provisioner.rollouts.selector import Member

_FOR_EVER = 1000 * 86_400.0  # longer than anything is looked ahead
BEARABLE = 1  # days: whoever opens on the day on which the stage begins, or on the next, stays a canary

_Likeness = tuple[str, str, str]
_Queues = dict[_Likeness, dict[int, dict[UUID, deque[Member]]]]  # by days of waiting, then tenant


def days_of_waiting(calendars: Mapping[UUID, May], now: datetime, first: float) -> dict[UUID, int]:
    """Return how many days (of UTC) behind the stage's own its windows open, of whom they do so too late for a canary.

    `first` is when the stage begins, in seconds from now. Whole days, so that a preview and a start later that day agree.
    """
    begins, found = (now + timedelta(seconds=first)).date(), dict[May, int]()
    waits = dict[UUID, int]()
    for key, may in calendars.items():
        if may not in found:
            opens = min(may(first)[0], first + _FOR_EVER)
            found[may] = ((now + timedelta(seconds=opens)).date() - begins).days
        if found[may] > BEARABLE:
            waits[key] = found[may]
    return waits


def stand_in(
    drawn: Sequence[Member], fitting: Sequence[Member], last: Collection[UUID], waits: Mapping[UUID, int]
) -> list[Member]:
    """Return the drawn, and in the place of each that `waits` one of its plan, landscape and region that opens on an earlier day.

    Tenants that have no canary yet come before others, and none gets more than the one has whose canary waits: there are at least
    as many tenants among those returned as the draw came to. Who finds nobody stays.
    """
    if not any(one.runtime_id in waits for one in drawn):
        return list(drawn)
    held = Counter(one.tenant_id for one in drawn)
    queues = _queues(fitting, {one.runtime_id for one in drawn}.union(last), waits)
    taken = []
    for one in drawn:
        other = _instead_of(one, queues.get(_likeness(one), {}), held, waits.get(one.runtime_id, 0))
        held[one.tenant_id] -= 1
        held[other.tenant_id] += 1
        taken.append(other)
    return taken


def _queues(fitting: Sequence[Member], but: Collection[UUID], waits: Mapping[UUID, int]) -> _Queues:
    queues: _Queues = {}
    for one in fitting:  # in the order of the draw
        if one.runtime_id not in but:
            by_day = queues.setdefault(_likeness(one), {}).setdefault(waits.get(one.runtime_id, 0), {})
            by_day.setdefault(one.tenant_id, deque()).append(one)
    return queues


def _instead_of(
    one: Member, alike: Mapping[int, dict[UUID, deque[Member]]], held: Counter[UUID], wait: int
) -> Member:
    most = held[one.tenant_id] - 1  # canaries that its tenant has beside it
    for day in sorted(day for day in alike if day < wait):
        best, fewest = None, most + 1
        for tenant in alike[day]:
            count = most if tenant == one.tenant_id else held[tenant]
            if count < fewest:
                best, fewest = tenant, count
            if not fewest:
                break
        if best is not None:
            found = alike[day][best].popleft()
            if not alike[day][best]:
                del alike[day][best]
            return found
    return one


def _likeness(member: Member) -> _Likeness:
    return member.plan, member.landscape, member.region
