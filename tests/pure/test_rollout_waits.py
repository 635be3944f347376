"""What windows do to when a rollout is done, and to who is a canary: asked of the moment at which a stage begins."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import inf
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.rollouts.assigning import freeze
from provisioner.rollouts.calendars import NEVER, Calendar, May, Party, Span, fewer, from_on
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
    merged = fewer(parties, 3)
    assert sum(one.members for one in merged) == 55
    assert [mays.index(one.may) for one in merged] == [2, 6, 9]


def fleet(count: int) -> list[Member]:
    return [member(number, landscape=f"l{number % 3}") for number in range(count)]


def alike(one: Member) -> tuple[str, ...]:
    return (one.plan, one.landscape, one.region)


def test_canaries_are_those_whose_window_opens_soonest_among_their_like() -> None:
    everyone = fleet(300)
    plan = parse_plan({"stages": [{"name": "canary", "share": 12}, {"name": "rest"}]}, now=NOW)
    drawn = [place.member for place in freeze(plan, everyone).places if place.stage == 0]
    opens: dict[UUID, float] = {one.runtime_id: 6 * DAY for one in everyone}
    for one in everyone[::4]:
        opens[one.runtime_id] = 2 * DAY
    for one in everyone[::25]:
        del opens[one.runtime_id]  # at any time
    frozen = freeze(plan, everyone, opens=opens)
    chosen = [place.member for place in frozen.places if place.stage == 0]
    assert Counter(map(alike, chosen)) == Counter(map(alike, drawn)), "spread as the draw says"
    for one in chosen:
        others = [other for other in everyone if alike(other) == alike(one) and other not in chosen]
        assert opens.get(one.runtime_id, 0.0) <= min(opens.get(other.runtime_id, 0.0) for other in others)
    assert frozen.sooner == len({one.name for one in chosen} - {one.name for one in drawn}) > 0
    assert len({place.member.runtime_id for place in frozen.places}) == 300
    assert frozen == freeze(plan, everyone[::-1], opens=opens), "the same whoever comes first"


def test_the_draw_stays_as_it_is_where_no_window_opens_sooner() -> None:
    everyone = fleet(60)
    plan = parse_plan({"stages": [{"name": "canary", "share": 6}, {"name": "rest"}]}, now=NOW)
    all_wait: dict[UUID, float] = {one.runtime_id: DAY for one in everyone}
    assert freeze(plan, everyone, opens=all_wait) == freeze(plan, everyone)
    by_name = parse_plan({"order": "name", "stages": [{"name": "a", "share": 6}, {"name": "rest"}]}, now=NOW)
    some = {one.runtime_id: DAY for one in everyone[:50]}
    assert freeze(by_name, everyone, opens=some) == freeze(by_name, everyone), "an order that people chose"


def test_whoever_can_not_be_upgraded_for_now_is_no_canary_because_its_window_is_open() -> None:
    everyone = fleet(30)
    plan = parse_plan({"stages": [{"name": "canary", "share": 6}, {"name": "rest"}]}, now=NOW)
    pinned = {one.runtime_id for one in everyone[:10]}
    opens: dict[UUID, float] = {one.runtime_id: DAY for one in everyone[10:]}
    frozen = freeze(plan, everyone, last=pinned, opens=opens)
    assert not pinned & {place.member.runtime_id for place in frozen.places if place.stage == 0}
