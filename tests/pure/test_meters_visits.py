"""Whom the collector visits when: even over the slot, again until it is over, and never twice."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.collecting import visits as visiting
from billing.collecting.pacing import PATIENCE_SECONDS, Bucket
from billing.collecting.shards import reader_of
from billing.collecting.targets import SHARDS, Target
from billing.collecting.visits import LAST_START_SECONDS, SPREAD, Visits

SLOT = 300
START = 1_780_000_200  # a slot's first second
LANDSCAPE = uuid4()


def target(number: int = 1) -> Target:
    return Target(UUID(int=number), LANDSCAPE, "c", "ready", answers=True, asleep=False)


def test_ten_thousand_are_spread_evenly_over_the_slot() -> None:
    visits = Visits(SLOT)
    for number in range(10_000):
        visits.add(target(number), START)
    buckets = [0] * 24
    while (visit := visits.pop(START + SLOT)) is not None:
        assert START <= visit.due < START + SPREAD * SLOT
        buckets[int((visit.due - START) // 10)] += 1
    assert sum(buckets) == 10_000
    assert max(buckets) < 1.25 * 10_000 / 24


def test_a_runtime_has_the_same_turn_in_each_slot_and_one_visit_in_each() -> None:
    visits = Visits(SLOT)
    visits.add(target(), START)
    seen = []
    for slot in range(START, START + 5 * SLOT, SLOT):
        visit = visits.pop(slot + SLOT - 1)
        assert visit is not None
        seen.append(visit.due - visit.slot)
        assert visit.slot == slot
        visits.done(visit)
        assert visits.pop(slot + SLOT - 1) is None
    assert len(set(seen)) == 1


@given(late=st.floats(0, SLOT - LAST_START_SECONDS - 0.001), number=st.integers(0, 10**6))
def test_who_comes_late_is_still_visited_in_this_slot(late: float, number: int) -> None:
    visits = Visits(SLOT)
    visits.add(target(number), START + late)
    assert visits.rest(START + late) <= SPREAD * SLOT
    visit = visits.pop(START + SLOT)
    assert visit is not None
    assert visit.slot == START
    assert START + late <= visit.due <= START + SLOT - LAST_START_SECONDS + 0.001


@pytest.mark.parametrize("late", [0.79 * SLOT, 0.8 * SLOT, 0.9 * SLOT, 0.98 * SLOT])
def test_a_fleet_that_comes_in_a_slots_last_part_is_spread_over_what_is_left_of_it(late: float) -> None:
    visits, now = Visits(SLOT), START + late
    for number in range(5_000):
        visits.add(target(number), now)
    left = (SLOT - late - LAST_START_SECONDS) * 0.8
    buckets = [0] * 10
    while (visit := visits.pop(START + SLOT - LAST_START_SECONDS)) is not None:
        assert visit.slot == START
        buckets[min(int((visit.due - now) / left * 8), 9)] += 1
    assert sum(buckets) == 5_000
    assert max(buckets) < 2 * 5_000 / 8


def test_a_fleet_that_comes_when_nothing_is_begun_any_more_has_its_turns_in_the_next_slot() -> None:
    visits = Visits(SLOT)
    for number in range(1_000):
        visits.add(target(number), START + SLOT - LAST_START_SECONDS / 2)
    assert visits.pop(START + SLOT - 0.001) is None
    first, following = Visits(SLOT), START + SLOT
    for number in range(1_000):
        first.add(target(number), following)
    dues = [visit.due for visit in iter(lambda: visits.pop(following + SLOT), None)]
    assert dues == [visit.due for visit in iter(lambda: first.pop(following + SLOT), None)]


def test_one_that_was_read_in_this_slot_is_left_for_the_next() -> None:
    visits = Visits(SLOT)
    visits.skip(target(), START + 10)
    assert visits.pop(START + SLOT - 1) is None
    visit = visits.pop(START + 2 * SLOT)
    assert visit is not None
    assert visit.slot == START + SLOT


@given(luck=st.lists(st.floats(0, 0.999), min_size=20, max_size=20))
def test_what_fails_is_tried_again_until_the_slot_is_over_and_then_in_the_next(luck: list[float]) -> None:
    visits = Visits(SLOT)
    visits.add(target(), START)
    now, tries = float(START), 0
    for each in luck:
        visit = visits.pop(now + visits.rest(now))
        assert visit is not None
        now = max(now, visit.due)
        tries += 1
        if visits.failed(visit, now, luck=each):
            break
        assert visit.slot == START
    following = visits.pop(START + 2 * SLOT)
    assert following is not None
    assert following.slot == START + SLOT
    assert 3 <= tries <= 8


def test_waiting_for_a_budget_is_no_failed_attempt() -> None:
    visits = Visits(SLOT)
    visits.add(target(), START)
    visit = visits.pop(START + SLOT)
    assert visit is not None
    for _ in range(10):
        assert not visits.failed(visit, START + 10.0, luck=0.5, after=2.0)
        assert visits.pop(START + SLOT) is visit
    assert visit.attempts == 0


def test_where_many_find_no_room_they_ask_less_often_and_who_came_first_as_often_as_who_came_last() -> None:
    visits, now = Visits(SLOT), START + 10.0
    for number in range(4_000):
        visits.add(target(number), START)
    *early, last = iter(lambda: visits.pop(START + SLOT), None)
    for _ in range(8):
        for visit in early:
            visits.failed(visit, now, luck=0.0, after=1.0)
    visits.failed(last, now, luck=0.0, after=1.0)
    assert {round(visit.due - now) for visit in early[-50:]} == {round(last.due - now)} == {20}
    now = START + SLOT - 30.0
    assert not visits.failed(early[0], now, luck=0.0, after=1.0)
    assert early[0].due == now + 3


def test_whoever_waits_alone_for_room_asks_as_soon_as_there_may_be_some() -> None:
    visits = Visits(SLOT)
    visits.add(target(), START)
    now, asked = float(START), []
    while (visit := visits.pop(now + visits.rest(now))) is not None and visit.slot == START:
        now = max(now, visit.due)
        asked.append(now)
        visits.failed(visit, now, luck=0.0, after=1.0)
    assert {later - before for before, later in pairwise(asked)} == {1.0}
    assert asked[-1] > START + SLOT - 2 * LAST_START_SECONDS


def test_who_waits_no_longer_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visiting, "ASKED_A_SECOND", 0.1)
    visits = Visits(SLOT)
    for number in range(3):
        visits.add(target(number), START)
    found = list(iter(lambda: visits.pop(START + SLOT), None))
    for visit in found:
        visits.failed(visit, START, luck=0.0, after=1.0)
    visits.done(found[0])
    visits.drop(found[1].target.runtime)
    visits.failed(found[2], START, luck=0.0, after=1.0)
    assert found[2].due == START + 10  # one waits


def test_who_is_dropped_is_visited_no_more_even_if_a_visit_is_under_way() -> None:
    visits = Visits(SLOT)
    visits.add(target(), START)
    visit = visits.pop(START + SLOT)
    assert visit is not None
    visits.drop(visit.target.runtime)
    visits.done(visit)
    assert not visits.failed(visit, START + 1.0, luck=0.0)
    assert len(visits) == 0
    assert visits.pop(START + 3 * SLOT) is None


@given(st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_a_bucket_never_gives_more_than_its_rate(pauses: list[float]) -> None:
    bucket, now, given_at = Bucket(2.0, 4.0), 0.0, []
    for pause in pauses:
        now += pause
        taken, seconds = bucket.take(now)
        if taken:
            assert seconds <= PATIENCE_SECONDS
            given_at.append(now + seconds)
        else:
            assert seconds > PATIENCE_SECONDS
    for first in range(len(given_at)):
        for last in range(first, len(given_at)):
            assert last - first + 1 <= 4 + 2 * (given_at[last] - given_at[first]) + 1e-6


@given(copies=st.sets(st.integers(1, 10**6), min_size=2, max_size=6))
def test_when_a_copy_leaves_only_its_shards_move(copies: set[int]) -> None:
    before = {shard: reader_of(shard, copies) for shard in range(SHARDS)}
    gone = next(iter(copies))
    for shard, reader in before.items():
        after = reader_of(shard, copies - {gone})
        assert reader in (after, gone)


def test_shards_are_shared_about_evenly() -> None:
    found = [reader_of(shard, {11, 22}) for shard in range(SHARDS)]
    assert 16 <= found.count(11) <= 48
