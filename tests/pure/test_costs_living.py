"""Whose use stands for days to come: of those that live all of it, of those that are gone what others came for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.costs.living import HABIT, Living, living
from billing.costs.months import Known, Life

DAY_SECONDS = 86_400
ONE, ZERO = Decimal(1), Decimal(0)


def lived(runtime: str, first: int, last: int, *, account: str = "shop", halves: bool = False) -> list[Life]:
    """Its days of November; with `halves` it was born and ended at noon."""
    seconds = dict.fromkeys(range(first, last + 1), DAY_SECONDS)
    if halves:
        seconds |= dict.fromkeys((first, last), DAY_SECONDS // 2)
    return [Life(date(2026, 11, day), account, runtime, Known(time)) for day, time in seconds.items()]


def each_day(first: int, last: int, count: int = 1) -> list[Life]:
    """So many new ones every day that live a day."""
    return [
        life
        for day in range(first, last + 1)
        for n in range(count)
        for life in lived(f"s{day}-{n}", day, day)
    ]


def on(day: int, *parts: Sequence[Life], sizes: Mapping[str, int] | None = None) -> Living:
    """Who counts on a day, of what was known then; a runtime's day is worth its size, 1 where nothing is said."""
    known = [life for part in parts for life in part if life.day.day < day]
    return living(known, worths_of(known, sizes or {}), today=date(2026, 11, day))


def worths_of(lives: Sequence[Life], sizes: Mapping[str, int]) -> dict[tuple[date, str], Decimal]:
    return {
        (life.day, life.runtime): Decimal(sizes.get(life.runtime, 1) * life.known.alive) / DAY_SECONDS
        for life in lives
    }


def share(found: Living, runtime: str, day: int) -> Decimal:
    return round(found.share(runtime, date(2026, 11, day)), 6)


def history(
    found: Living, lives: Sequence[Life], sizes: Mapping[str, int]
) -> dict[tuple[date, str], Decimal]:
    """What each day brought to each account of use that counts."""
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for (day, runtime), worth in worths_of(lives, sizes).items():
        sums[day, found.last[runtime]] += worth * found.share(runtime, day)
    return sums


STEADY = lived("steady", 1, 30)


@pytest.mark.parametrize("gap", [0, 1, 7, 12])
def test_what_was_there_before_another_of_its_size_stands_for_it_on_whatever_day_that_came(gap: int) -> None:
    old, new = lived("old", 1, 10, halves=True), lived("new", 10 + gap, 30, halves=True)
    found = on(12 + gap, STEADY, old, new)
    assert {share(found, "old", day) for day in range(1, 11)} == {ONE}


@pytest.mark.parametrize(("old", "new", "counts"), [(40, 10, "0.25"), (10, 40, "1"), (10, 0, "0")])
def test_no_more_of_what_is_gone_counts_than_came(old: int, new: int, counts: str) -> None:
    sizes = {"old": old, "new": new, "steady": 5}
    found = on(14, STEADY, lived("old", 1, 10), lived("new", 11, 30), sizes=sizes)
    assert share(found, "old", 5) == Decimal(counts)


def test_several_that_one_came_for_share_what_it_is() -> None:
    five = [life for number in range(5) for life in lived(f"r{number}", 1, 10)]
    found = on(14, five, lived("new", 11, 30))
    assert [share(found, f"r{number}", 5) for number in range(5)] == [Decimal("0.2")] * 5


def test_who_was_there_already_came_for_nobody() -> None:
    found = on(14, STEADY, lived("a", 9, 10), lived("b", 9, 10))
    assert share(found, "a", 10) == share(found, "b", 9) == 0
    found = on(20, lived("big", 1, 15), lived("new", 10, 30), sizes={"big": 40, "new": 10})
    assert share(found, "big", 9) == Decimal("0.25")
    assert share(found, "big", 10) == 0


def test_who_came_in_another_account_came_for_nobody() -> None:
    found = on(14, lived("old", 1, 10), lived("new", 10, 30, account="lab"))
    assert share(found, "old", 5) == 0
    assert found.alive == {"new": "lab"}


def test_a_row_that_ended_brings_nothing_more() -> None:
    row = [*lived("x", 1, 9), *lived("y", 10, 12)]
    assert share(on(13, row), "x", 5) == 1
    assert share(on(15, row), "x", 5) == share(on(15, row), "y", 11) == 0


@pytest.mark.parametrize("number", [1, 3])
def test_clusters_of_working_days_go_on_over_a_weekend_and_end_after_a_week(number: int) -> None:
    working = [day for day in range(2, 21) if date(2026, 11, day).weekday() < 5]  # until Friday, the 20th
    rows = [life for day in working for life in each_day(day, day, number)]
    for day in (21, 22, 23, 27):
        found = on(day, rows, STEADY)
        assert len({**found.alive, **found.habit}) == 1 + number * len(working)
    found = on(29, rows, STEADY)
    assert (found.alive, found.habit) == ({"steady": "shop"}, {})


def test_fewer_than_a_habit_bring_nothing_once_they_are_gone() -> None:
    rows = [life for number in range(1, HABIT) for life in lived(f"r{number}", 2 * number, 2 * number + 1)]
    end = 2 * HABIT - 1
    assert share(on(end + 1, rows, STEADY), "r1", 3) == 1
    assert share(on(end + 3, rows, STEADY), "r1", 3) == 0
    more = lived("more", end + 1, end + 2)
    assert share(on(end + 6, rows, more, STEADY), "r1", 3) == 1


def test_a_size_that_is_rare_among_short_lived_ones_is_no_habit() -> None:
    test = lived("test", 16, 18)
    found = on(21, STEADY, each_day(5, 25), test, sizes={"test": 50})
    assert "test" not in found.habit
    assert share(found, "test", 17) < Decimal("0.01")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=25, max_size=25),
    st.integers(0, 2), st.integers(1, 4), st.integers(16, 22), st.integers(1, 8), st.integers(5, 200),
)  # fmt: skip
def test_whatever_comes_and_goes_brings_nobody_back(
    births: Sequence[int], nights: int, born: int, ended: int, later: int, big: int
) -> None:
    small = short_lived(births, nights)
    found = on(ended + later, lived("big", born, ended, halves=True), STEADY, small, sizes={"big": big})
    most = max(births) * (nights + 1) + HABIT * (nights + 1)  # there at once
    for day in range(born + 1, ended):
        assert share(found, "big", day) * big <= most


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=25, max_size=25),
    st.integers(0, 1), st.integers(16, 21), st.integers(-1, 2), st.integers(2, 7),
)  # fmt: skip
def test_whatever_comes_and_goes_takes_no_heir_away(
    births: Sequence[int], nights: int, ended: int, gap: int, later: int
) -> None:
    small, sizes = short_lived(births, nights), {"big": 50, "new": 50}
    new = lived("new", ended + gap, 30, halves=True)
    today = max(ended, ended + gap) + later
    found = on(today, lived("big", 1, ended, halves=True), new, STEADY, small, sizes=sizes)
    free = set(range(2, ended + min(gap, 0))) - {life.day.day for life in small}
    assert {share(found, "big", day) for day in free} <= {ONE}


def short_lived(births: Sequence[int], nights: int) -> list[Life]:
    """HABIT of them one after the other, then so many born on each day; born and ended at noon some nights later."""
    return [
        life
        for number, count in enumerate([1] * HABIT + list(births))
        for place in range(count)
        for life in lived(f"s{number}-{place}", number + 2, min(number + 2 + nights, 30), halves=True)
    ]


SPANS = st.lists(
    st.tuples(st.integers(1, 28), st.integers(0, 27), st.integers(1, 50), st.sampled_from(["shop", "lab"])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(SPANS, st.integers(2, 29), st.randoms())
def test_neither_names_nor_their_order_say_who_counts(
    spans: list[tuple[int, int, int, str]], day: int, random: object
) -> None:
    numbers = list(range(len(spans)))
    random.shuffle(numbers)  # type: ignore[attr-defined]

    def told(names: Sequence[int]) -> dict[tuple[date, str], Decimal]:
        parts = [
            lived(f"r{name:02}", first, min(first + nights, 30), account=account)
            for name, (first, nights, _, account) in zip(names, spans, strict=True)
        ]
        sizes = {f"r{name:02}": span[2] for name, span in zip(names, spans, strict=True)}
        known = [life for part in parts for life in part if life.day.day < day]
        random.shuffle(known)  # type: ignore[attr-defined]
        return {
            key: round(value, 6) for key, value in history(on(day, known, sizes=sizes), known, sizes).items()
        }

    assert told(numbers) == told(range(len(spans)))


@settings(max_examples=200, deadline=None)
@given(SPANS, st.integers(2, 29))
def test_no_day_brings_more_than_was_used_and_what_is_gone_no_more_than_lives(
    spans: list[tuple[int, int, int, str]], day: int
) -> None:
    parts = {
        f"r{number}": lived(f"r{number}", first, min(first + nights, 30), account=account)
        for number, (first, nights, _, account) in enumerate(spans)
    }
    sizes = {f"r{number}": span[2] for number, span in enumerate(spans)}
    known = [life for part in parts.values() for life in part if life.day.day < day]
    found = on(day, known, sizes=sizes)
    for life in known:
        assert 0 <= found.share(life.runtime, life.day) <= 1
    gone = [life for life in known if life.runtime not in {**found.alive, **found.habit}]
    for (_, account), brought in history(found, gone, sizes).items():
        living_now = sum(sizes[name] for name, place in found.alive.items() if place == account)
        assert brought <= living_now + Decimal("0.001")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(3, 9), max_size=HABIT - 1),
    st.integers(1, 50),
    st.integers(1, 50),
    st.integers(20, 29),
)
def test_one_that_is_made_anew_has_the_history_of_one(
    stays: list[int], size: int, other: int, today: int
) -> None:
    days = [1]
    for nights in stays:
        days.append(days[-1] + nights)
    row = [
        life
        for number, (born, ended) in enumerate(zip(days, [*days[1:], 30], strict=True))
        for life in lived(f"r{number}", born, ended, halves=True)
    ]
    sizes = {**{f"r{number}": size for number in range(len(days))}, "steady": other}
    known = [life for life in [*row, *STEADY] if life.day.day < today]
    found = on(today, known, sizes=sizes)
    whole = sum(worths_of(known, sizes).values(), ZERO)
    assert abs(sum(history(found, known, sizes).values(), ZERO) - whole) < Decimal("0.001")


def test_a_day_without_any_known_time_divides_nothing_by_nothing() -> None:
    nothing = [Life(date(2026, 11, day), "shop", f"n{day}", Known()) for day in range(2, 9)]
    found = living([*nothing, *STEADY[:8]], {}, today=date(2026, 11, 9))
    assert "steady" in found.alive
    assert all(found.share(life.runtime, life.day) in {ZERO, ONE} for life in nothing)
