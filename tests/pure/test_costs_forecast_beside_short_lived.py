"""Where runtimes come and go, one that lived for weeks and ended is gone, and another that came in its place still counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import pytest

from tests.pure.test_costs_forecast_of_the_replaced import LONG_AGO, Part, asked, at, cores

ENDED = 20  # the day of November the big one ends on, at noon
TENTH = Decimal("0.1")


def come_and_go(*, nights: int, each_day: Sequence[int] = (3,), until: int = 30) -> list[Part]:
    """Small ones born every morning, so many by turns, that live into the afternoon some nights later."""
    return [
        cores("shop", f"s{day}-{place}", 1, at(day, 7), min(at(day + nights, 15), at(30, 24)))
        for day in range(-27, until)
        for place in range(each_day[day % len(each_day)])
    ]


@pytest.mark.parametrize("day", [ENDED + 1, ENDED + 2, ENDED + 3, ENDED + 5, ENDED + 8])
@pytest.mark.parametrize("each_day", [(3,), (2, 5, 3), (0, 1), (4, 0, 0)])
@pytest.mark.parametrize("nights", [0, 1, 2])
@pytest.mark.parametrize("since", [LONG_AGO, at(1, 7)], ids=["a month", "weeks"])
def test_one_that_ended_for_good_is_gone_the_day_after(
    since: datetime, nights: int, each_day: Sequence[int], day: int
) -> None:
    big = cores("shop", "big", 100, since, at(ENDED, 12))
    steady = cores("shop", "steady", 10, LONG_AGO)
    parts = [big, steady, *come_and_go(nights=nights, each_day=each_day)]
    found, _ = asked([part for part in parts if part[3] < at(day, 1)], at(day, 1))
    _, really = asked(parts, at(30))
    assert abs(found.accounts["shop"][0] - really["shop"]) <= really["shop"] * TENTH


@pytest.mark.parametrize("day", [ENDED + 2, ENDED + 3, ENDED + 5, ENDED + 8])
@pytest.mark.parametrize("each_day", [(3,), (2, 5, 3), (0, 1)])
@pytest.mark.parametrize("nights", [0, 1])
def test_one_that_was_replaced_goes_on_a_day_later(nights: int, each_day: Sequence[int], day: int) -> None:
    parts = [
        cores("shop", "old", 100, LONG_AGO, at(ENDED, 12)),
        cores("shop", "new", 100, at(ENDED, 12)),
        *come_and_go(nights=nights, each_day=each_day),
    ]
    found, _ = asked([part for part in parts if part[3] < at(day, 1)], at(day, 1))
    _, really = asked(parts, at(30))
    assert abs(found.accounts["shop"][0] - really["shop"]) <= really["shop"] * TENTH
