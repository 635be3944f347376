"""The rule by which requests are counted: a quota at once, then evenly; never more than the quota and what the time gave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controlplane.config.limits.buckets import MICRO, Limit, State, take

TEN_IN_TEN = Limit(10, 10)


def let_through(limit: Limit, moments: list[int]) -> list[int]:
    """Which of these moments' requests are let through."""
    kept, passed = 0, []
    for now in moments:
        verdict, (kept,) = take([limit], [kept], now)
        if verdict.refused_by is None:
            passed.append(now)
    return passed


def test_a_quota_passes_at_once_and_then_one_by_one() -> None:
    assert len(let_through(TEN_IN_TEN, [0] * 50)) == 10
    assert let_through(TEN_IN_TEN, [0] * 12 + [MICRO - 1, MICRO, MICRO])[10:] == [MICRO]


def test_who_is_refused_hears_when_to_come_and_is_let_through_then() -> None:
    kept = 0
    for _ in range(10):
        _, (kept,) = take([TEN_IN_TEN], [kept], 0)
    verdict, moments = take([TEN_IN_TEN], [kept], 300_000)
    assert (verdict.refused_by, verdict.wait, verdict.states) == (0, 700_000, [State(0, 700_000)])
    assert moments == [kept], "a refused request takes nothing"
    assert take([TEN_IN_TEN], [kept], 1_000_000)[0].refused_by is None


def test_what_is_left_is_told() -> None:
    first, (kept,) = take([TEN_IN_TEN], [0], 0)
    assert first.states == [State(9, MICRO)]
    assert take([TEN_IN_TEN], [kept], 500_000)[0].states == [State(8, 500_000)]


def test_a_full_bucket_keeps_the_others_from_being_taken_from() -> None:
    full, other = Limit(1, 60), Limit(100, 60)
    _, moments = take([other, full], [0, 0], 0)
    verdict, after = take([other, full], moments, 0)
    assert verdict.refused_by == 1
    assert after == moments


@given(
    quota=st.integers(1, 50),
    seconds=st.integers(1, 30),
    steps=st.lists(st.integers(0, 2 * MICRO), max_size=200),
)
def test_in_no_window_passes_more_than_the_quota_and_what_the_time_gave(
    quota: int, seconds: int, steps: list[int]
) -> None:
    limit, now, moments = Limit(quota, seconds), 0, []
    for step in steps:
        now += step
        moments.append(now)
    passed = let_through(limit, moments)
    for place, begin in enumerate(passed):
        inside = [moment for moment in passed[place:] if moment - begin < limit.window]
        assert len(inside) <= quota + (inside[-1] - begin) // limit.interval
