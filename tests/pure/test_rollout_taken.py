"""What exclusions take counts from the first moment at which an upgrade could have begun up to the next at which it can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.rollouts.taken import BOUND, Span, between, exceeds, merged, most, taken, without
from provisioner.rollouts.windows import Exclusion, Window, is_open

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEDNESDAY = Window((2,), 120, 180, "UTC")  # 02:00 to 03:00


def shut(days: float, hours: float) -> Exclusion:
    """Let nothing begin for so many hours, so many days behind Monday."""
    return Exclusion(MONDAY + days * DAY, MONDAY + days * DAY + hours * HOUR)


def test_over_the_one_window_of_a_week_it_takes_the_week() -> None:
    first = MONDAY + 2 * DAY + 2 * HOUR
    assert taken([WEDNESDAY], [shut(2 + 1.9 / 24, 1.2)], [], MONDAY) == [(first, first + 7 * DAY)]
    assert taken([WEDNESDAY], [shut(3, 24)], [], MONDAY) == [], "nothing could have begun then"
    assert taken([], [shut(3, 24)], [], MONDAY) == [(MONDAY + 3 * DAY, MONDAY + 4 * DAY)]


def test_what_leaves_a_moment_of_a_window_takes_the_rest_of_the_week() -> None:
    late = Exclusion(MONDAY + 2 * DAY + 2 * HOUR + timedelta(seconds=1), MONDAY + 3 * DAY)
    assert taken([WEDNESDAY], [late], [], MONDAY) == [(late.begin, MONDAY + 9 * DAY + 2 * HOUR)]


def test_what_the_platform_shuts_is_not_the_tenants() -> None:
    freeze = shut(2, 7 * 24)
    assert taken([], [shut(1, 24)], [freeze], MONDAY) == [(MONDAY + DAY, MONDAY + 2 * DAY)]
    assert taken([], [shut(3, 24)], [freeze], MONDAY) == [], "taken already"
    assert taken([], [shut(1, 24 * 10)], [freeze], MONDAY) == [
        (MONDAY + DAY, MONDAY + 2 * DAY),
        (MONDAY + 9 * DAY, MONDAY + 11 * DAY),
    ]
    assert taken([WEDNESDAY], [shut(2, 24)], [shut(2, 24)], MONDAY) == []


def test_spans_are_counted_once_and_cut() -> None:
    one, two, three = ((MONDAY + days * DAY, MONDAY + (days + 2) * DAY) for days in (0, 1, 5))
    assert merged([three, two, one]) == [(one[0], two[1]), three]
    assert without([one, three], [two]) == [(one[0], two[0]), three]
    assert between([one, three], end=two[0]) == [(one[0], two[0])]
    assert most([one, two, three]) == 5 * DAY


def test_what_was_too_much_before_may_stay_and_not_grow() -> None:
    far = MONDAY + 40 * DAY
    held = [(MONDAY, MONDAY + BOUND + 5 * DAY)]
    assert not exceeds([], [(MONDAY, MONDAY + BOUND)])
    assert exceeds([], held)
    assert not exceeds(held, held)
    assert not exceeds(held, [(MONDAY + DAY, held[0][1])])
    assert exceeds(held, [*held, (far, far + HOUR)])
    assert exceeds(held, [(one + 100 * DAY, two + 100 * DAY) for one, two in held]), "of other days"


windows = st.lists(
    st.builds(
        lambda days, begin, length: Window(tuple(sorted(days)), begin * 60, (begin + length) * 60, "UTC"),
        st.sets(st.integers(0, 6), min_size=1),
        st.integers(0, 20),
        st.integers(1, 4),
    ),
    max_size=2,
)
exclusions = st.lists(
    st.builds(
        lambda begin, hours: Exclusion(MONDAY + begin * HOUR, MONDAY + (begin + hours) * HOUR),
        st.integers(0, 24 * 20),
        st.integers(1, 60),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=150)
@given(opened=windows, own=exclusions, others=exclusions)
def test_every_hour_is_taken_that_a_look_at_each_of_them_finds(
    opened: list[Window], own: list[Exclusion], others: list[Exclusion]
) -> None:
    """Hour by hour: it is taken from where one could have begun, until one may as far as the tenant goes."""
    expected, waits = set[datetime](), False
    for number in range(24 * 35):
        at = MONDAY + number * HOUR
        if is_open(opened, own, at):
            waits = False
        elif is_open(opened, others, at):
            waits = True
        if waits and not any(one.begin <= at < one.end for one in others):
            expected.add(at)
    assert hours(taken(opened, own, others, MONDAY)) == expected


def hours(spans: list[Span]) -> set[datetime]:
    return {begin + number * HOUR for begin, end in spans for number in range(round((end - begin) / HOUR))}
