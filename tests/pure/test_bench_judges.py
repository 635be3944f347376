"""What benchmarks count as broken: their judges see it when it happens."""

from __future__ import annotations

from tests.bench.freshness import nearest_rank
from tests.bench.rollout_recovery import Doings, doings


def line(operation: str, fence: int, what: str) -> tuple[str, ...]:
    return (operation, "upgrade", str(fence), "1", what)


def test_a_step_done_by_a_worker_whose_lease_was_taken_over_is_done_twice() -> None:
    lines = [line("a", 1, "begins"), line("a", 2, "begins"), line("a", 1, "done"), line("a", 2, "done")]
    assert doings(lines, {"a": 2}) == Doings(outlived=1, after_commit=0, uncommitted=0, noted=2)


def test_a_step_done_again_after_its_end_was_committed_is_done_twice() -> None:
    lines = [line("a", 1, "begins"), line("a", 1, "done"), line("a", 2, "begins"), line("a", 2, "done")]
    assert doings(lines, {"a": 1}) == Doings(outlived=0, after_commit=1, uncommitted=0, noted=2)


def test_a_step_whose_end_was_lost_with_its_worker_is_told_apart() -> None:
    lines = [line("a", 1, "begins"), line("a", 1, "done"), line("a", 2, "begins"), line("a", 2, "done")]
    assert doings(lines, {"a": 2}) == Doings(outlived=0, after_commit=0, uncommitted=1, noted=2)
    once = [line("b", 1, "begins"), line("b", 1, "done")]
    assert doings(once, {"b": 1}) == Doings(outlived=0, after_commit=0, uncommitted=0, noted=1)


def test_the_99th_percentile_is_the_nearest_rank_and_never_one_below() -> None:
    assert nearest_rank(range(1, 151), 99) == 149
    assert nearest_rank(range(1, 101), 99) == 99
    assert nearest_rank([7.0], 99) == 7.0
