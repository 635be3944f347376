"""What an hour holds is what a second-by-second look at it finds, however samples come and time is cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.usage.integrate import Life, Sample, integrate
from tests.usage import second_by_second

LENGTH = 60  # short slots keep the oracle quick; the rules don't know how long they are
START, END = 7200, 10800
SLOTS = st.integers((START - 2400) // LENGTH, (END + 2400) // LENGTH).map(lambda n: n * LENGTH)
Told = tuple[int, int, int, int]


@st.composite
def histories(draw: Any) -> tuple[list[Told], list[tuple[int, int, int]]]:
    """Samples (slot, epoch, shape, millicores), each key once, and spans that do not overlap."""
    keys = draw(st.lists(st.tuples(SLOTS, st.integers(0, 1)), unique=True, max_size=40))
    told = [(*key, draw(st.integers(1, 3)), draw(st.integers(0, 9000))) for key in keys]
    cuts = sorted(draw(st.sets(st.integers(START - 900, END + 900), max_size=6)))
    lives = [(number, *pair) for number, pair in enumerate(pairwise(cuts), 1)]
    return told, draw(st.permutations([life for life in lives if draw(st.integers(0, 3))]))


def sums(told: list[Told], lives: list[tuple[int, int, int]], start: int, end: int) -> dict[Any, Any]:
    samples = [
        Sample(slot, epoch, shape, (0, 0, 0, 0, cores, 1, 1, 1, 0)) for slot, epoch, shape, cores in told
    ]
    found = integrate(samples, [Life(*life) for life in lives], start=start, end=end, slot_seconds=LENGTH)
    return {key: (one[0], one[1], one[2], one[8]) for key, one in found.items()}


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_second_is_accounted_for_as_the_oracle_does(history: tuple[Any, Any]) -> None:
    told, lives = history
    wanted = second_by_second(told, lives, start=START, end=END, length=LENGTH)
    assert sums(told, lives, START, END) == wanted


@settings(max_examples=100, deadline=None)
@given(histories(), st.randoms())
def test_the_order_of_samples_changes_nothing(history: tuple[Any, Any], chance: Any) -> None:
    told, lives = history
    shuffled = list(told)
    chance.shuffle(shuffled)
    assert sums(shuffled, lives, START, END) == sums(told, lives, START, END)


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(START, END))
def test_time_cut_in_two_adds_up_to_the_whole(history: tuple[Any, Any], cut: int) -> None:
    told, lives = history
    parts = [sums(told, lives, START, cut), sums(told, lives, cut, END)]
    added: dict[Any, tuple[int, ...]] = {}
    for part in parts:
        for key, found in part.items():
            added[key] = tuple(a + b for a, b in zip(added.get(key, (0,) * 4), found, strict=True))
    assert added == sums(told, lives, START, END)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_what_is_known_is_never_more_than_was_lived(history: tuple[Any, Any]) -> None:
    told, lives = history
    lived = {number: max(0, min(until, END) - max(since, START)) for number, since, until in lives}
    known = dict.fromkeys(lived, 0)
    for (span, _), (observed, inferred, unknown, _) in sums(told, lives, START, END).items():
        assert min(observed, inferred, unknown) >= 0
        known[span] += observed + inferred + unknown
    assert known == lived


def test_a_gap_is_inferred_up_to_half_an_hour_between_equal_shapes_only() -> None:
    life = [(1, START, END)]
    assert sums([(START, 0, 5, 0), (START + 1860, 0, 5, 0)], life, START, START + 1920) == {
        (1, 5): (120, 1800, 0, 0)
    }
    assert sums([(START, 0, 5, 0), (START + 1920, 0, 5, 0)], life, START, START + 1980)[1, 0][2] == 1860
    assert sums([(START, 0, 5, 0), (START + 120, 0, 6, 0)], life, START, START + 180)[1, 0][2] == 60
    assert sums([(START, 0, 5, 0), (START + 120, 1, 5, 0)], life, START, START + 180)[1, 0][2] == 60


def test_a_runtime_that_is_being_built_has_no_gaps() -> None:
    samples = [Sample(START, 0, 5, (0,) * 9), Sample(START + 300, 0, 5, (0,) * 9)]
    life = Life(1, START - 100, END, quiet=True)
    found = integrate(samples, [life], start=START, end=END, slot_seconds=LENGTH)
    assert {key: one[:3] for key, one in found.items()} == {(1, 5): (120, 0, 0)}


def test_use_that_was_not_known_is_no_zero() -> None:
    samples = [
        Sample(START, 0, 5, (0, 0, 0, 0, None, None, None, None, 0)),
        Sample(START + 60, 0, 5, (0, 0, 0, 0, 7, 1, 1, 1, 0)),
    ]
    found = integrate(samples, [Life(1, START, END)], start=START, end=START + 120, slot_seconds=LENGTH)
    observed, _, _, known, *rest = found[1, 5]
    assert (observed, known, rest[4]) == (120, 60, 7 * 60)


def test_bytes_of_a_slot_that_two_spans_share_are_counted_once() -> None:
    samples = [Sample(START, 0, 5, (0,) * 8 + (1000,)), Sample(START, 1, 6, (0,) * 8 + (50,))]
    lives = [Life(1, START - 100, START + 30), Life(2, START + 30, END)]
    found = integrate(samples, lives, start=START, end=END, slot_seconds=LENGTH)
    assert {key: one[-1] for key, one in found.items() if one[-1]} == {(1, 6): 1050}
