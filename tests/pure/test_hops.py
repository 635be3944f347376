"""From one release to another: no minor is skipped, nothing goes down, nobody falls too far behind, what must be passed is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.catalog.hops import WORKERS_BEHIND, minor_of, numbers, plan_hops, plan_moves
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = date(2026, 11, 23)


def release(key: str, kubernetes: str, **facts: Any) -> ReleaseFacts:
    return ReleaseFacts(
        key=key,
        kubernetes_version=kubernetes.rpartition(".")[0],
        kubernetes_patch=kubernetes,
        machine_image={"name": "gardenlinux", "version": "1.0", "architectures": ["amd64"]},
        modules={},
        **{"published_at": LONG_AGO, **facts},
    )


# Ordered as a real train is: a later key never has an earlier Kubernetes.
@st.composite
def trains(draw: st.DrawFn) -> list[ReleaseFacts]:
    versions = sorted(
        draw(st.lists(st.tuples(st.integers(28, 37), st.integers(0, 9)), min_size=2, max_size=14))
    )
    found: list[ReleaseFacts] = []
    for index, (minor, patch) in enumerate(versions):
        earlier = [one.key for one in found]
        requires = draw(st.lists(st.sampled_from(earlier), max_size=2)) if earlier else []
        facts: dict[str, Any] = {"requires": tuple(requires)}
        if draw(st.integers(0, 9)) == 0:
            facts["withdrawn"] = "it leaks."
        if draw(st.integers(0, 9)) == 0:
            facts["published_at"] = None
        if draw(st.integers(0, 9)) == 0:
            facts["end_of_life"] = TODAY
        found.append(release(f"2026.{index + 1}.1", f"1.{minor}.{patch}", **facts))
    return found


@settings(max_examples=300, deadline=None)
@given(trains(), st.data())
def test_a_plan_never_skips_a_minor_never_goes_down_and_passes_what_must_be_passed(
    train: list[ReleaseFacts], data: st.DataObject
) -> None:
    present, target = data.draw(st.sampled_from(train)), data.draw(st.sampled_from(train))
    try:
        hops = plan_hops(present, target, train, today=TODAY)
    except Refused:
        return
    assert hops[-1] == target
    for before, after in pairwise([present, *hops]):
        assert numbers(after.kubernetes_patch) >= numbers(before.kubernetes_patch)
        assert minor_of(after.kubernetes_patch) - minor_of(before.kubernetes_patch) <= 1
    keys = {hop.key for hop in hops}
    assert len(keys) == len(hops)
    for hop in hops:
        assert hop.published_at
        assert not hop.withdrawn
        assert hop.end_of_life != TODAY
        must = {key for key in hop.requires if numbers(key) > numbers(present.key)}
        assert must <= keys


@settings(max_examples=300, deadline=None)
@given(st.integers(28, 40), st.integers(0, WORKERS_BEHIND), st.integers(0, 12))
def test_workers_are_never_ahead_never_more_than_three_minors_behind_and_rolled_as_seldom_as_that_allows(
    minor: int, behind: int, ahead: int
) -> None:
    control, workers = f"1.{minor}.3", f"1.{minor - behind}.9" if behind else f"1.{minor}.3"
    moves = plan_moves(control, workers, [f"1.{minor + step}.1" for step in range(1, ahead + 1)])
    rolled = 0
    for move in moves:
        rolled += move.workers
        workers, control = (move.kubernetes, control) if move.workers else (workers, move.kubernetes)
        assert numbers(workers) <= numbers(control)
        assert 0 <= minor_of(control) - minor_of(workers) <= WORKERS_BEHIND
    assert workers == control or not moves
    fewest = -(-(behind + ahead) // WORKERS_BEHIND)
    assert rolled <= max(fewest + 1, 1)


def test_the_newest_release_of_a_minor_between_is_passed_on_the_way() -> None:
    start, target = release("2026.1.1", "1.32.1"), release("2026.5.1", "1.34.1")
    between = [release("2026.2.1", "1.33.1"), release("2026.3.1", "1.33.4")]
    assert [hop.key for hop in plan_hops(start, target, between)] == ["2026.3.1", "2026.5.1"]


def test_a_required_release_of_the_same_minor_is_passed_too() -> None:
    start, target = release("2026.1.1", "1.33.1"), release("2026.5.1", "1.33.4", requires=("2026.3.1",))
    assert [hop.key for hop in plan_hops(start, target, [release("2026.3.1", "1.33.2")])] == [
        "2026.3.1",
        "2026.5.1",
    ]


def test_what_was_passed_before_is_not_required_again() -> None:
    start, target = release("2026.3.1", "1.33.1"), release("2026.5.1", "1.33.4", requires=("2026.2.1",))
    assert plan_hops(start, target, []) == (target,)


@pytest.mark.parametrize(
    ("target", "code", "fix"),
    [
        (release("2026.3.1", "1.33.1"), "release_present", "nothing to do"),
        (release("2026.2.1", "1.32.9"), "release_older", "Choose a newer release"),
        (release("2026.5.1", "1.34.1", published_at=None), "release_unpublished", "publish it first"),
        (
            release("2026.5.1", "1.34.1", withdrawn="It leaks."),
            "release_withdrawn",
            "It leaks. Choose another",
        ),
        (release("2026.5.1", "1.34.1", end_of_life=TODAY), "release_expired", "Choose a newer release"),
        (release("2026.5.1", "1.35.1"), "hop_missing", "has to pass 1.34, and no published release has it"),
        (release("2026.5.1", "1.34.1", requires=("2026.4.1",)), "hop_missing", "2026.4.1 must be passed"),
    ],
)
def test_what_cannot_be_reached_is_refused_with_what_to_do(target: ReleaseFacts, code: str, fix: str) -> None:
    with pytest.raises(Refused, match=fix) as refused:
        plan_hops(release("2026.3.1", "1.33.1"), target, [target], today=TODAY)
    assert refused.value.code == code


def test_a_broken_off_upgrade_goes_on_from_the_kubernetes_that_it_reached() -> None:
    reached = release("2026.1.1", "1.34.2")
    target = release("2026.5.1", "1.35.1", requires=("2026.2.1",))
    assert plan_hops(reached, target, [release("2026.2.1", "1.33.1")]) == (target,)
