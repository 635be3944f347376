"""A runtime's day is unusual against its own past only, and the meters that moved are named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.costs.unusual import Day, Unusual, judge

MONDAY = date(2026, 6, 29)
MINIMUM = Decimal(2)


def day(number: int, worth: Mapping[str, float], *, known: str = "1", whole: bool = True) -> Day:
    """The day so many before the Monday that is judged."""
    meters = {(meter, ""): Decimal(str(amount)) for meter, amount in worth.items()}
    return Day(MONDAY - timedelta(days=number), meters, Decimal(known), whole)


def mondays(*amounts: float) -> list[Day]:
    return [day(7 * (place + 1), {"vcpu": amount, "memory": 5}) for place, amount in enumerate(amounts)]


def found(today: Day, past: list[Day], minimum: Decimal = MINIMUM) -> Unusual | None:
    return judge(today, past, minimum=minimum)


def test_a_day_like_the_others_is_nothing() -> None:
    assert found(day(0, {"vcpu": 10.4, "memory": 5}), mondays(10, 10.2, 9.9, 10.1)) is None


def test_a_day_that_costs_more_says_which_meter_moved_and_by_how_much() -> None:
    result = found(day(0, {"vcpu": 40, "memory": 5.1}), mondays(10, 10.2, 9.9, 10.1))
    assert result
    assert (result.worth, result.usual, result.compared, result.same_weekday) == (
        Decimal("45.1"), Decimal("15.05"), 4, True,
    )  # fmt: skip
    assert [(one.meter, one.worth, one.usual) for one in result.moved] == [
        ("vcpu", Decimal(40), Decimal("10.05"))
    ]
    assert result.moved[0].change == Decimal("29.95")


def test_a_meter_that_was_never_there_is_named() -> None:
    result = found(day(0, {"vcpu": 10, "memory": 5, "gpu": 50}), mondays(10, 10, 10, 10))
    assert result
    assert [(one.meter, one.usual) for one in result.moved] == [("gpu", Decimal(0))]


def test_one_odd_day_in_the_past_moves_nothing() -> None:
    assert found(day(0, {"vcpu": 10, "memory": 5}), mondays(10, 500, 10, 10, 10)) is None
    assert found(day(0, {"vcpu": 30, "memory": 5}), mondays(10, 500, 10, 10, 10))


def test_a_small_amount_is_never_unusual() -> None:
    past = mondays(0.1, 0.1, 0.1, 0.1)
    assert found(day(0, {"vcpu": 1.9, "memory": 5}), past) is None
    assert found(day(0, {"vcpu": 1.9, "memory": 5}), past, Decimal("1.5"))


def test_who_varies_much_must_vary_more() -> None:
    assert found(day(0, {"vcpu": 40, "memory": 5}), mondays(10, 30, 20, 5, 25)) is None


@pytest.mark.parametrize("known", ["0.5", "0.89"])
def test_less_that_was_seen_is_no_fall(known: str) -> None:
    assert found(day(0, {"vcpu": 1, "memory": 1}, known=known), mondays(10, 10, 10, 10)) is None


def test_a_fall_that_was_seen_is_one() -> None:
    result = found(day(0, {"vcpu": 1, "memory": 5}), mondays(10, 10, 10, 10))
    assert result
    assert result.score < 0


def test_with_three_mondays_nothing_is_said() -> None:
    assert found(day(0, {"vcpu": 900}), mondays(10, 10, 10)) is None


def test_without_mondays_seven_working_days_will_do_and_weekends_do_not_count() -> None:
    working = [day(number, {"vcpu": 10}) for number in range(1, 15)]
    result = found(day(0, {"vcpu": 90}), [row for row in working if row.day.weekday() < 5])
    assert result
    assert (result.same_weekday, result.compared) == (False, 10)
    weekends = [row for row in working if row.day.weekday() > 4]
    assert found(day(0, {"vcpu": 90}), weekends * 3) is None


def test_days_that_are_hardly_known_or_not_whole_are_no_past() -> None:
    past = [*mondays(10, 10, 10), day(28, {"vcpu": 10}, known="0.2"), day(35, {"vcpu": 10}, whole=False)]
    assert found(day(0, {"vcpu": 90}), past) is None
    assert found(day(0, {"vcpu": 90}, whole=False), mondays(10, 10, 10, 10)) is None


def test_what_comes_after_a_day_is_not_its_past() -> None:
    after = [row._replace(day=row.day + timedelta(weeks=6)) for row in mondays(10, 10, 10, 10)]
    assert found(day(0, {"vcpu": 90}), after) is None
