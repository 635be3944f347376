"""What the demo tells of its past is in order on every day of the year, and names runtimes that there are."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from billing.usage.slots import DAY, month_of, start_of
from controlplane.config.demo.fleet import wishes
from controlplane.config.demo.usage import DAYS, closed_months, stories, windows

TODAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(0, 400, 7)]
TODAYS += [date(2026, 3, 31), date(2026, 5, 31), date(2028, 2, 29), date(2026, 3, 1)]


@pytest.mark.parametrize("today", TODAYS)
def test_windows_follow_each_other_back_to_the_first_day(today: date) -> None:
    found = list(windows(today))
    assert found[0][1] == start_of(today) + DAY
    assert found[-1][0] == start_of(today) - DAYS * DAY
    assert all(later[0] == earlier[1] for later, earlier in pairwise(found))


@pytest.mark.parametrize("today", TODAYS)
def test_what_comes_late_lies_in_the_newest_closed_month_and_in_its_runtimes_life(today: date) -> None:
    (story,) = [story for story in stories(today) if story.late]
    assert story.late is not None
    assert story.past.since <= story.late[0] < story.late[1]
    assert month_of(story.late[0].date()) == closed_months(today)[-1] < month_of(today)


@pytest.mark.parametrize("today", TODAYS[:3])
def test_one_slept_one_ended_and_gaps_lie_in_lives(today: date) -> None:
    told = list(stories(today))
    assert {(story.tenant, story.name) for story in told} <= {(wish.tenant, wish.name) for wish in wishes()}
    (slept,) = [story.past for story in told if story.past.slept]
    assert slept.slept is not None
    assert slept.woke is not None
    assert slept.since < slept.slept < slept.woke == slept.slept + 7 * DAY
    assert len([story for story in told if story.past.ended]) == 1
    missed = [(story.past.since, start, end) for story in told for start, end in story.missed]
    assert len(missed) == 2
    assert all(since < start < end for since, start, end in missed)
    assert len([story for story in told if story.contested]) == 1
    (surged,) = [story for story in told if story.surge]
    assert surged.surge is not None
    assert surged.past.since + 28 * DAY < surged.surge[0] < surged.surge[1] <= start_of(today)
    assert len(told) > 45
