"""The breaker, the gates, the pace, the ideal schedule and the estimate."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.rollouts.breaker import ALPHA, Cohort, Memory, fisher_tail, look
from provisioner.rollouts.budget import Lane
from provisioner.rollouts.calendars import Party, from_on
from provisioner.rollouts.estimate import StageLeft, estimate
from provisioner.rollouts.estimate_places import places_of
from provisioner.rollouts.gates.base import Approval, Evidence
from provisioner.rollouts.gates.registry import gate_of, gates, least_wait
from provisioner.rollouts.ideal import Job, schedule
from provisioner.rollouts.pacing import Bucket
from tests.work import refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_fishers_tail_is_what_counting_every_table_gives(n: int, m: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    counted = sum(comb(n, k) * comb(m, a + b - k) for k in range(a, min(n, a + b) + 1)) / comb(n + m, a + b)
    assert fisher_tail(Cohort(n, a), Cohort(m, b)) == pytest.approx(counted)


def test_a_bad_release_trips_and_a_bad_day_does_not() -> None:
    assert look(Cohort(100, 8), Cohort(900, 2), Memory()).trips
    assert not look(Cohort(100, 8), Cohort(900, 75), Memory()).trips
    assert not look(Cohort(100, 2), Cohort(900, 0), Memory()).trips  # two are an incident


def test_a_release_that_breaks_nothing_is_halted_in_at_most_one_of_twenty_lives() -> None:
    drawn, tripped, lives = random.Random(5), 0, 300
    for _ in range(lives):
        memory, ill = Memory(), [drawn.random() < 0.04 for _ in range(500)]  # whoever of them is upgraded
        for moved in range(20, 500, 20):
            upgraded = Cohort(moved, sum(ill[:moved]))
            finding = look(upgraded, Cohort(500 - moved, sum(ill[moved:])), memory)
            memory = finding.memory
            if finding.trips:
                tripped += 1
                break
    assert tripped <= ALPHA * lives


def test_without_enough_to_compare_the_last_known_rate_stands_in() -> None:
    memory = look(Cohort(500, 0), Cohort(100, 10), Memory()).memory
    assert memory.control_rate == pytest.approx(0.1)
    assert not look(Cohort(590, 60), Cohort(5, 0), memory).trips
    assert look(Cohort(590, 120), Cohort(5, 0), memory).trips


def test_every_gate_opens_for_its_reason_only() -> None:
    late = NOW + timedelta(hours=3)
    cases: dict[str, tuple[dict[str, Any], Evidence, Evidence]] = {
        "approval": ({}, Evidence(late, NOW), Evidence(late, NOW, approvals=[Approval("sam", late)])),
        "soak": ({"minutes": 60}, Evidence(NOW + timedelta(minutes=59), NOW), Evidence(late, NOW)),
        "notice": ({"hours": 2}, Evidence(NOW + timedelta(minutes=119), NOW), Evidence(late, NOW)),
        "scheduled_start": ({"at": "2026-11-01T02:00:00Z"}, Evidence(NOW, NOW), Evidence(late, NOW)),
        "health": (
            {},
            Evidence(late, NOW, upgraded=Cohort(100, 2)),
            Evidence(late, NOW, upgraded=Cohort(100, 1)),
        ),
        "footprint": (
            {},
            Evidence(late, NOW, footprint_change=6.0),
            Evidence(late, NOW, footprint_change=4.0),
        ),
    }
    assert set(cases) == set(gates())
    for kind, (settings_, shut, opened) in cases.items():
        gate = gate_of(kind)
        normal = gate.check(settings_, NOW)
        assert not gate.judge(normal, shut).open, kind
        assert gate.judge(normal, opened).open, kind
        assert gate.judge(normal, shut).reason
        with refused("gate_invalid"):
            gate.check({"nonsense": 1}, NOW)


def test_two_approvals_of_one_person_are_one() -> None:
    gate = gate_of("approval")
    two = gate.check({"approvers": 2}, NOW)

    def opens(*given: Approval) -> bool:
        return gate.judge(two, Evidence(NOW, NOW, approvals=given)).open

    sam = Approval("sam", NOW, "1")
    assert not opens(sam, sam)
    assert not opens(sam, Approval("token:ci", NOW, "1")), "sam's own token"
    assert not opens(sam, Approval("token:installed", NOW)), "nobody's token"
    assert opens(sam, Approval("ada", NOW, "2"))


def test_an_approval_of_before_the_gates_turn_is_none() -> None:
    gate = gate_of("approval")
    early, since = Approval("sam", NOW - timedelta(seconds=1)), Approval("ada", NOW)
    one = gate.check({}, NOW)
    assert not gate.judge(one, Evidence(NOW, NOW, approvals=[early])).open
    assert gate.judge(one, Evidence(NOW, NOW, approvals=[early, since])).reason == "approved by ada"


def test_a_footprint_that_nobody_has_keeps_nobody_waiting() -> None:
    gate = gate_of("footprint")
    normal = gate.check({}, NOW)
    assert not gate.judge(normal, Evidence(NOW, NOW)).open, "somebody was upgraded, and is not measured yet"
    assert gate.judge(normal, Evidence(NOW, NOW, measurable=False)).open


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 120), min_size=1, max_size=40))
def test_no_more_begin_than_the_bucket_lets(gaps: list[float]) -> None:
    bucket, now, begun = Bucket(6.0, 3, 3.0, NOW), NOW, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        bucket = bucket.filled(now)
        count = bucket.whole(10)
        bucket, begun = bucket.taken(count), begun + count
    assert begun <= 3 + (now - NOW).total_seconds() / 10 + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.5, 20), min_size=1, max_size=30), st.integers(1, 5))
def test_a_list_schedule_never_idles_and_stays_within_grahams_bound(
    seconds: list[float], places: int
) -> None:
    made = schedule([Job(one, ("all",)) for one in seconds], {"all": places})
    moments = sorted(made.begins)
    for at in moments:
        assert sum(begin <= at < end for begin, end in zip(made.begins, made.ends, strict=True)) <= places
    least = max(sum(seconds) / places, *seconds)
    assert least - 1e-6 <= made.makespan <= sum(seconds) / places + max(seconds) + 1e-6


def test_the_ideal_waits_for_windows_and_for_the_start_rate() -> None:
    assert schedule([Job(5, ("x",), opens=100)], {"x": 1}).makespan == 105
    assert schedule(
        [Job(1, ("x",)) for _ in range(5)], {"x": 9}, starts_per_second=0.5
    ).makespan == pytest.approx(9)


def test_the_estimate_holds_what_came_to_be_four_times_out_of_five() -> None:
    drawn, held, rounds = random.Random(1), 0, 20
    past = [600 * drawn.lognormvariate(0, 0.4) for _ in range(200)]
    for _ in range(rounds):
        truth = schedule(
            [Job(600 * drawn.lognormvariate(0, 0.4), ("p",)) for _ in range(100)], {"p": 5}
        ).makespan
        found = estimate([StageLeft(100, places=5)], past, NOW)
        held += found.low <= NOW + timedelta(seconds=truth) <= found.high
    assert held >= rounds * 0.6
    assert estimate([StageLeft(100, places=5)], past, NOW) == estimate([StageLeft(100, places=5)], past, NOW)


def lane(landscape: str, region: str = "eu", group: str = "") -> Lane:
    return Lane(0, "0", group, landscape, region)


def test_a_landscape_that_takes_one_at_a_time_makes_the_stage_as_slow_as_itself() -> None:
    limits = {("rollout",): 1000, ("landscape", "a"): 1, ("landscape", "b"): 10}
    alone = places_of({lane("a"): 10_000}, limits)
    assert (alone.at_once, alone.pace, alone.bound_by) == (1, 1, "the number at once in one landscape")
    both = places_of({lane("a"): 900, lane("b"): 100}, limits)
    assert both.at_once == 11
    found = estimate([StageLeft(1000, places=both.pace, bound=both.bound_by)], [60.0], NOW)
    assert found.likely == pytest.approx(NOW + timedelta(seconds=900 * 60), abs=timedelta(hours=1))
    assert found.bound_by == "the number at once in one landscape"


def test_regions_groups_and_stages_hold_up_their_own_members_only() -> None:
    lanes = {lane("a", "eu", "gold"): 40, lane("a", "us"): 40, lane("b", "us"): 20}
    assert places_of(lanes, {("rollout",): 10}).pace == pytest.approx(10)
    tight = places_of(lanes, {("rollout",): 10, ("region", "us"): 2})
    assert (tight.at_once, tight.bound_by) == (10, "the number at once in one region")
    assert tight.pace == pytest.approx(100 / 30)
    group = places_of(lanes, {("rollout",): 100, ("group", "0", "gold"): 1})
    assert (group.at_once, group.pace, group.bound_by) == (61, 2.5, "the number at once in one group")
    assert (
        places_of(lanes, {("rollout",): 9, ("stage", "0"): 4}).bound_by == "the number at once in one stage"
    )


def test_a_few_canaries_of_a_large_rollout_take_as_long_as_an_upgrade() -> None:
    assert estimate([StageLeft(5, places=500)], [600.0], NOW).likely == NOW + timedelta(seconds=600)


def test_the_estimate_says_what_it_waits_for() -> None:
    assert estimate([StageLeft(5, places=5, behind=lambda _: 90_000)], [60.0], NOW).bound_by == "gates"
    assert (
        estimate([StageLeft(5, places=5, parties=[Party(1, from_on(90_000.0))])], [60.0], NOW).bound_by
        == "windows"
    )
    assert estimate([StageLeft(5000, places=5)], [60.0], NOW).bound_by == "the number at once"
    at_work = estimate([StageLeft(0, running=[10.0], places=5)], [60.0], NOW)
    assert at_work.bound_by == "upgrades that have begun"


def test_stages_that_wait_for_one_moment_wait_for_it_once() -> None:
    day = 86_400.0
    canaries = StageLeft(
        2, places=2, before=lambda _: day, parties=[Party(2, from_on(3 * day))], behind=lambda _: 60.0
    )
    rest = StageLeft(
        2, places=2, before=lambda at: max(0.0, 3 * day - at), parties=[Party(1, from_on(3 * day))]
    )
    found = estimate([canaries, rest], [600.0], NOW)
    assert found.likely == NOW + timedelta(seconds=3 * day + 600 + 60 + 600)


def test_gates_of_one_side_are_asked_together_so_that_the_longest_says_how_long() -> None:
    start = {"at": (NOW + timedelta(hours=30)).isoformat()}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("soak", {"minutes": 60}),
        ("health", {"healthy_percent": 99, "minutes": 30}),
        ("approval", {"approvers": 1}),
    ]
    assert least_wait(asked, NOW) == 3600
    assert least_wait([*asked, ("scheduled_start", start)], NOW + timedelta(hours=28)) == 7200
    assert least_wait([*asked, ("scheduled_start", start)], NOW + timedelta(hours=40)) == 3600
