"""What windows do to when a rollout is done, and to who is a canary: asked of the moment at which a stage begins."""

from __future__ import annotations

import random
import resource
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.rollouts.assigning import freeze
from provisioner.rollouts.calendars import NEVER, Calendar, May, Party, Span, fewer, from_on
from provisioner.rollouts.canaries import days_of_waiting
from provisioner.rollouts.estimate import StageLeft, estimate
from provisioner.rollouts.ideal import Job, schedule
from provisioner.rollouts.plan import parse_plan
from provisioner.rollouts.selector import Member
from provisioner.rollouts.windows import Exclusion, Window, is_open
from tests.pure.test_rollout_plan import member

NOW = datetime(2026, 11, 23, tzinfo=UTC)  # a Monday
HOUR, DAY = 3600.0, 86_400.0
WEEK = 7 * DAY


def every(period: float, opens: float, lasts: float) -> May:
    """Open for so long once a period."""

    def may(at: float) -> Span:
        begin = (at - opens) // period * period + opens
        if at >= begin + lasts:
            begin += period
        return max(at, begin), begin + lasts

    return may


def process_seconds(act: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    act()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def likely(*stages: StageLeft, seconds: float = HOUR) -> float:
    return (estimate(stages, [seconds], NOW).likely - NOW).total_seconds()


def test_a_calendar_says_of_any_moment_when_it_may_begin() -> None:
    night = Window((5, 6), 60, 300, "UTC")  # Saturday and Sunday, 01:00 to 05:00
    shut = Exclusion(NOW + timedelta(days=5), NOW + timedelta(days=6))
    may = Calendar([night], [shut], NOW)
    assert may(0) == (6 * DAY + HOUR, 6 * DAY + 5 * HOUR), "Saturday is excluded"
    assert may(6 * DAY + 2 * HOUR) == (6 * DAY + 2 * HOUR, 6 * DAY + 5 * HOUR)
    assert may(6 * DAY + 5 * HOUR) == (12 * DAY + HOUR, 12 * DAY + 5 * HOUR)
    assert Calendar([], [shut], NOW)(0) == (0, 5 * DAY)
    assert Calendar([], [shut], NOW)(7 * DAY) == (7 * DAY, inf)
    assert Calendar([Window((), 0, 60, "UTC")], [], NOW)(5.0) == NEVER


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40 * 24), min_size=1, max_size=20), st.sampled_from(["UTC", "Europe/Berlin"]))
def test_whatever_it_is_asked_first_a_calendar_is_open_when_the_windows_are(
    hours: list[int], zone: str
) -> None:
    windows = [Window((0, 3), 120, 480, zone), Window((3,), 400, 700, "Asia/Kolkata")]
    shut = [Exclusion(NOW + timedelta(days=9), NOW + timedelta(days=11, hours=3))]
    may = Calendar(windows, shut, NOW)
    for hour in hours:
        begin, end = may(hour * HOUR)
        moment = NOW + timedelta(hours=hour)
        assert (begin == hour * HOUR) == is_open(windows, shut, moment)
        assert is_open(windows, shut, NOW + timedelta(seconds=begin))
        assert not is_open(windows, shut, NOW + timedelta(seconds=end))


def test_a_window_that_shuts_before_a_later_stage_begins_is_waited_for_again() -> None:
    soak = StageLeft(1, behind=lambda _: 2 * HOUR)
    open_now = [Party(1, every(DAY, 0, HOUR))]  # until its canary has ended
    assert likely(soak, StageLeft(1, parties=open_now)) == DAY + HOUR
    assert likely(StageLeft(1, parties=open_now)) == HOUR


def test_a_stage_that_has_not_begun_waits_for_the_windows_of_its_members_once_it_has() -> None:
    sunday = [Party(3, every(WEEK, 6 * DAY, 4 * HOUR))]
    assert likely(StageLeft(5, places=5), StageLeft(3, places=3, parties=sunday)) == 6 * DAY + HOUR
    later = StageLeft(5, places=5, before=lambda _: 6 * DAY + 5 * HOUR)
    assert likely(later, StageLeft(3, places=3, parties=sunday)) == 13 * DAY + HOUR


def test_whoever_finds_no_place_while_its_window_is_open_waits_for_the_next() -> None:
    nightly = [Party(10, every(DAY, 0, 4 * HOUR))]
    assert likely(StageLeft(10, places=1, parties=nightly)) == 2 * DAY + 2 * HOUR
    assert estimate([StageLeft(10, places=1, parties=nightly)], [HOUR], NOW).bound_by == "windows"


@pytest.mark.parametrize(("members", "places"), [(1000, 10), (5000, 200), (400, 7.5)])
def test_of_very_many_the_estimate_is_what_a_schedule_of_each_comes_to(members: int, places: float) -> None:
    parties = [
        Party(members // 2, every(WEEK, 6 * DAY, 4 * HOUR)),
        Party(members // 4, every(WEEK, 2 * DAY, 2 * HOUR)),
    ]
    mays = [one.may for one in parties for _ in range(one.members)]
    mays += [from_on(0.0)] * (members - len(mays))
    random.Random(1).shuffle(mays)
    each = schedule([Job(HOUR / 2, ("p",), may=one) for one in mays], {"p": int(places)})
    found = likely(StageLeft(members, places=places, parties=parties), seconds=HOUR / 2)
    assert found == pytest.approx(each.makespan, rel=0.1, abs=WEEK if places != int(places) else DAY)


def test_who_opens_only_behind_the_deadline_is_left_behind_and_waited_for_until_then() -> None:
    parties = [Party(2, every(WEEK, 6 * DAY, HOUR)), Party(1, every(WEEK, 2 * DAY, HOUR))]
    assert likely(StageLeft(5, places=5, parties=parties, deadline=3 * DAY)) == 3 * DAY
    assert likely(StageLeft(5, places=5, parties=parties, deadline=7 * DAY)) == 6 * DAY + HOUR
    many = [Party(2000, every(WEEK, 6 * DAY, HOUR))]
    assert likely(StageLeft(2000, places=2, parties=many, deadline=14 * DAY)) == 14 * DAY


def test_of_more_windows_than_are_told_apart_the_commonest_stand_for_their_neighbours() -> None:
    mays = [every(WEEK, number * HOUR, HOUR) for number in range(10)]
    parties = [Party(number + 1, may) for number, may in enumerate(mays)]
    merged = fewer(random.Random(3).sample(parties, 10), 3)
    assert sum(one.members for one in merged) == 55
    assert [mays.index(one.may) for one in merged] == [2, 6, 9]


CANARIES = {"stages": [{"name": "canary", "share": 10}, {"name": "rest"}]}


def fleet(count: int, tenants: int = 30) -> list[Member]:
    return [
        member(number, landscape=f"l{number % 2}", tenant_id=UUID(int=1000 + number // 2 % tenants))
        for number in range(count)
    ]


def alike(one: Member) -> tuple[str, ...]:
    return (one.plan, one.landscape, one.region)


def drawn(
    everyone: list[Member], waits: Mapping[UUID, int] = MappingProxyType({}), **more: Any
) -> list[Member]:
    frozen = freeze(parse_plan(CANARIES, now=NOW), everyone, waits=waits, **more)
    assert len({place.member.runtime_id for place in frozen.places}) == len(everyone)
    return [place.member for place in frozen.places if not place.stage]


def shares(canaries: list[Member]) -> list[int]:
    return sorted(Counter(one.tenant_id for one in canaries).values())


def test_windows_of_every_day_leave_the_draw_as_it_is_whenever_it_is_asked() -> None:
    everyone = fleet(600)
    mays = {one.tenant_id: every(DAY, one.tenant_id.int % 24 * HOUR, HOUR) for one in everyone}
    calendars = {one.runtime_id: mays[one.tenant_id] for one in everyone[::3]}
    for hours in range(48):
        assert days_of_waiting(calendars, NOW, hours * HOUR) == {}
    assert len(set(shares(drawn(everyone)))) <= 2


def test_a_preview_and_a_start_later_that_day_draw_the_same() -> None:
    windows = [Window((day,), 60, 300, "UTC") for day in (2, 3, 4, 5, 6)]  # Wednesday to Sunday
    everyone = fleet(600)

    def canaries(at: datetime) -> list[Member]:
        mays = [Calendar([one], [], at) for one in windows]
        calendars = {one.runtime_id: mays[one.tenant_id.int % 5] for one in everyone}
        waits = days_of_waiting(calendars, at, DAY)  # told a day before
        assert set(waits.values()) == {2, 3, 4, 5}, "who opens on Wednesday can wait"
        return drawn(everyone, waits)

    morning = canaries(NOW + timedelta(hours=5))
    assert [canaries(NOW + timedelta(hours=hour)) for hour in (7, 12, 23.9)] == [morning] * 3
    assert morning != drawn(everyone)


def test_of_a_canary_that_waits_for_days_one_alike_of_another_tenant_takes_the_place() -> None:
    everyone = fleet(600)
    before = drawn(everyone)
    waits = {one.runtime_id: 5 for one in everyone if one.tenant_id.int % 2}
    late = [one for one in before if one.runtime_id in waits]
    after = drawn(everyone, waits)
    assert late
    assert not {one.runtime_id for one in after} & set(waits)
    assert [alike(one) for one in after] == [alike(one) for one in before], "spread as the draw says"
    assert [one for one in before if one not in late] == [one for one in after if one in before]
    assert len(shares(after)) >= len(shares(before))
    assert max(shares(after)) <= max(shares(before))
    assert after == drawn(everyone[::-1], waits), "the same whoever comes first"


def test_a_tenant_without_windows_does_not_get_all_the_canaries() -> None:
    everyone = fleet(600)
    before, free = drawn(everyone), UUID(int=1003)
    waits = {one.runtime_id: 5 for one in everyone if one.tenant_id != free}
    after = drawn(everyone, waits)
    assert sum(one.tenant_id == free for one in after) in {1, max(shares(before))}
    assert len(shares(after)) >= len(shares(before))


def test_where_nobody_opens_soon_the_one_with_the_fewest_days_stands_in_and_equals_stay() -> None:
    everyone = fleet(600)
    assert drawn(everyone, {one.runtime_id: 5 for one in everyone}) == drawn(everyone)
    waits = {one.runtime_id: 3 + one.tenant_id.int % 2 for one in everyone}
    after = drawn(everyone, waits)
    assert {waits[one.runtime_id] for one in drawn(everyone)} == {3, 4}
    assert {waits[one.runtime_id] for one in after} == {3}


def test_tenants_own_shares_stay_where_all_have_several_canaries() -> None:
    everyone = fleet(600, tenants=3)
    waits = {one.runtime_id: 5 for one in everyone[::2]}
    before, after = drawn(everyone), drawn(everyone, waits)
    assert shares(after)[-1] <= shares(before)[-1]
    assert len(shares(after)) == len(shares(before)) == 3
    assert any(one.runtime_id in waits for one in before)


def test_thousands_of_canaries_that_wait_are_drawn_again_in_no_time() -> None:
    plan = parse_plan({"stages": [{"name": "canary", "share": "20%"}, {"name": "rest"}]}, now=NOW)
    everyone = fleet(10_000, tenants=400)
    waits = {one.runtime_id: 5 for one in everyone if one.tenant_id.int % 4}
    calm = process_seconds(lambda: freeze(plan, everyone))
    assert process_seconds(lambda: freeze(plan, everyone, waits=waits)) < calm + 0.5


def test_an_order_that_people_chose_stays() -> None:
    everyone = fleet(60)
    plan = parse_plan({"order": "name", "stages": [{"name": "a", "share": 6}, {"name": "rest"}]}, now=NOW)
    some = {one.runtime_id: 5 for one in everyone[:50]}
    assert freeze(plan, everyone, waits=some) == freeze(plan, everyone)


def test_whoever_can_not_be_upgraded_for_now_stands_in_for_nobody() -> None:
    everyone = fleet(60)
    pinned = {one.runtime_id for one in everyone[:20]}
    waits = {one.runtime_id: 5 for one in everyone[20:]}
    after = drawn(everyone, waits, last=pinned)
    assert after == drawn(everyone, last=pinned)
    assert not pinned & {one.runtime_id for one in after}
