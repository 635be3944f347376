"""A runtime that is gone brings nothing to days to come: no use, no fee by time, no minimum and no included hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from billing.costs.living import WHOLE_DAY, living
from billing.costs.months import Known, Life
from billing.costs.projecting import Before, Expected, outlook_of
from billing.pricing.rating import rate
from billing.pricing.types import Segment, Terms, UsageItem
from tests.pure.test_costs_projecting import (
    DAY,
    DAY_SECONDS,
    NOVEMBER,
    SHIPPED,
    Use,
    agreed,
    book,
    days_of,
    so_far,
    terms,
    told,
    uses,
)

HOUR = timedelta(hours=1)
FEE = book(
    vcpu={"rule": "per_unit", "price": "0.01"},
    control_plane={"rule": "flat", "price": "300", "prorated": True, "per": "runtime"},
)
FEE_HELD = terms(Segment(*NOVEMBER, FEE))
FIFTH = NOVEMBER.start + 4 * DAY + 12 * HOUR  # at noon


def full(runtime: str) -> list[Use]:
    return [("shop", runtime, "control_plane", "", 1), ("shop", runtime, "vcpu", "", 1000)]


def fee_only(runtime: str) -> list[Use]:
    return full(runtime)[:1]


def asked(
    held: Terms, gone: Sequence[Use], end: datetime, now: datetime, *, left: Sequence[Use] = ()
) -> tuple[Expected, Decimal]:
    """What is forecast where some use ended and other goes on, and what the month will really have cost."""
    past = [days_of(used, held.month.start - 28 * DAY, held.month.start) for used in (gone, left)]
    spent = [days_of(gone, held.month.start, min(end, now)), days_of(left, held.month.start, now)]
    items, lives = ([one for part in parts for one in part] for parts in zip(*spent, strict=True))
    before = Before(*(tuple(one for part in parts for one in part) for parts in zip(*past, strict=True)))
    really = [*days_of(gone, held.month.start, end)[0], *days_of(left, *held.month)[0]]
    found = outlook_of(*so_far(held, items, lives, now), before, now)
    return told(found), rate(really, held).billed


@pytest.mark.parametrize("day", [6, 8, 14, 28])
@pytest.mark.parametrize("used", [full("r1"), fee_only("r1")], ids=["fee and cores", "fee alone"])
def test_a_fee_by_time_ends_with_its_runtime(used: list[Use], day: int) -> None:
    found, really = asked(FEE_HELD, used, FIFTH, NOVEMBER.start + (day - 1) * DAY + HOUR)
    assert really == Decimal(45) + (Decimal("1.08") if len(used) == 2 else 0)
    assert found.expected == found.low == found.high == really


@pytest.mark.parametrize("key", sorted(SHIPPED))
@pytest.mark.parametrize("day", [12, 14, 18, 28])
def test_included_hours_end_with_their_runtime_in_every_shipped_book(key: str, day: int) -> None:
    held = terms(Segment(*NOVEMBER, SHIPPED[key]))
    used: list[Use] = [("shop", "r1", "block_storage", "gp3", 64)]
    end = NOVEMBER.start + 10 * DAY + HOUR
    found, really = asked(held, used, end, NOVEMBER.start + (day - 1) * DAY + HOUR)
    assert found.expected == found.low == found.high == really


def test_what_was_used_beyond_included_hours_is_never_given_back() -> None:
    held = terms(Segment(*NOVEMBER, SHIPPED["kyma-capacity-units"]))
    used: list[Use] = [("shop", "r1", "block_storage", "gp3", 64)]
    tenth = NOVEMBER.start + 10 * DAY
    for days in (3, 7, 9, 18):
        found, _ = asked(held, used, tenth, tenth + days * DAY + HOUR)
        assert found.expected == Decimal("4.80")


def test_a_minimum_is_demanded_of_runtimes_that_live() -> None:
    held = terms(Segment(*NOVEMBER, book(nfs={"rule": "minimum", "per": "runtime", "amount": "50",
        "then": {"rule": "flat", "price": "300", "prorated": True}})))  # fmt: skip
    found, really = asked(held, [("shop", "r1", "nfs", "", 1)], FIFTH, NOVEMBER.start + 9 * DAY)
    assert found.expected == really == 50


@pytest.mark.parametrize("day", [6, 8, 14])
def test_of_two_the_one_that_is_left_goes_on_as_it_is(day: int) -> None:
    now = NOVEMBER.start + (day - 1) * DAY + HOUR
    found, really = asked(FEE_HELD, full("r1"), FIFTH, now, left=full("r2"))
    assert found.expected == really == Decimal("45") + 300 + Decimal("1.08") + Decimal("7.20")
    assert found.low < really < found.high


def test_one_that_lives_on_a_fee_alone_does_not_bring_the_other_back() -> None:
    now = NOVEMBER.start + 15 * DAY + HOUR
    found, really = asked(FEE_HELD, full("r1"), FIFTH, now, left=fee_only("r2"))
    assert found.expected == really == Decimal("346.08")


def test_until_the_day_after_its_end_a_runtime_goes_on() -> None:
    found, _ = asked(FEE_HELD, full("r1"), FIFTH, FIFTH + 2 * HOUR)
    assert found.expected > 290


@settings(max_examples=100, deadline=None)
@given(agreed(), uses(), uses(), st.integers(2, 20), st.integers(1, WHOLE_DAY - 1), st.integers(1, 9))
def test_what_is_left_costs_what_was_forecast_from_the_day_after_on(
    held: Terms, gone: list[Use], left: list[Use], day: int, second: int, later: int
) -> None:
    left = [(account, f"left-{runtime}", *rest) for account, runtime, *rest in left]  # type: ignore[misc]
    midnight = held.month.start + (day - 1) * DAY
    end, now = midnight + timedelta(seconds=second), midnight + later * DAY
    assume(now < held.month.end)
    for others in (left, []):
        found, really = asked(held, gone, end, now, left=others)
        assert found.expected == really
        assert found.low <= really <= found.high


def test_who_lives_is_told_by_the_last_known_day_and_by_today() -> None:
    today, half = NOVEMBER.start.date() + 8 * DAY, DAY_SECONDS // 2
    days = {
        "steady": (DAY_SECONDS, DAY_SECONDS),
        "deleted": (DAY_SECONDS, half),
        "gone": (DAY_SECONDS, 0),
        "seen today": (DAY_SECONDS, half),
        "nearly added up": (DAY_SECONDS, DAY_SECONDS - 3600),
    }
    lives = [
        Life(today - (2 - place) * DAY, "shop", runtime, Known(unknown=seconds))
        for runtime, known in days.items()
        for place, seconds in enumerate(known)
        if seconds
    ]
    lives.append(Life(today, "shop", "seen today", Known(60)))
    assert set(living(lives, {}, today=today).alive) == {"steady", "seen today", "nearly added up"}


def test_who_was_born_on_the_last_known_day_lives() -> None:
    today = NOVEMBER.start.date() + 8 * DAY
    lives = [
        Life(today - 2 * DAY, "shop", "steady", Known(DAY_SECONDS)),
        Life(today - DAY, "shop", "born", Known(600)),
    ]
    assert "born" in living(lives, {}, today=today).alive


@pytest.mark.parametrize(("left", "days"), [([], 2), (full("r2"), 1)], ids=["alone", "one of two"])
def test_who_was_there_in_a_day_s_last_hour_is_known_to_be_gone_later(left: list[Use], days: int) -> None:
    midnight = NOVEMBER.start + 5 * DAY
    for later in range(days + 3):
        found, really = asked(FEE_HELD, full("r1"), midnight - HOUR, midnight + later * DAY, left=left)
        assert found.expected == really if later >= days else found.expected > really + 200


@pytest.mark.parametrize("day", [5, 12, 20, 27])
@pytest.mark.parametrize("hours", [0, 12])
def test_runtimes_that_are_made_anew_every_day_are_forecast_as_they_come(day: int, hours: int) -> None:
    held = terms(Segment(*NOVEMBER, book(vcpu={"rule": "per_unit", "price": "0.1"})))
    start, now = NOVEMBER.start - 28 * DAY, NOVEMBER.start + (day - 1) * DAY + HOUR
    items: list[UsageItem] = []
    lives: list[Life] = []
    for number in range(60):
        born = start + number * DAY + hours * HOUR
        for begins, ends in ((born, NOVEMBER.start), (max(born, NOVEMBER.start), now)):
            if begins < (until := min(ends, born + DAY)):
                used, lived = days_of([("shop", f"r{number}", "vcpu", "", 10_000)], begins, until)
                items.extend(used)
                lives.extend(lived)
    before = Before(
        tuple(item for item in items if item.start < NOVEMBER.start),
        tuple(life for life in lives if life.day < NOVEMBER.start.date()),
    )
    spent = [item for item in items if item.start >= NOVEMBER.start]
    since = [life for life in lives if life.day >= NOVEMBER.start.date()]
    found = told(outlook_of(*so_far(held, spent, since, now), before, now))
    assert abs(found.expected - 720) <= 36
    assert found.low <= 720 <= found.high


@pytest.mark.parametrize("day", [16, 17, 19, 23])
def test_a_runtime_that_takes_anothers_place_costs_what_that_one_did(day: int) -> None:
    held = terms(Segment(*NOVEMBER, book(vcpu={"rule": "per_unit", "price": "0.1"})))
    old: list[Use] = [("shop", "old", "vcpu", "", 10_000)]
    new: list[Use] = [("shop", "new", "vcpu", "", 10_000)]
    noon, now = NOVEMBER.start + 14 * DAY + 12 * HOUR, NOVEMBER.start + (day - 1) * DAY + HOUR
    past, past_lives = days_of(old, NOVEMBER.start - 28 * DAY, NOVEMBER.start)
    items, lives = days_of(old, NOVEMBER.start, noon)
    more, more_lives = days_of(new, noon, now)
    spent = so_far(held, [*items, *more], [*lives, *more_lives], now)
    found = told(outlook_of(*spent, Before(tuple(past), tuple(past_lives)), now))
    assert abs(found.expected - 720) <= 36


@pytest.mark.parametrize(("old", "new"), [("shop", "lab"), ("lab", "shop")])
def test_a_runtime_whose_account_changed_within_the_last_day_lives(old: str, new: str) -> None:
    today = NOVEMBER.start.date() + 8 * DAY
    lives = [
        Life(today - 2 * DAY, old, "r1", Known(DAY_SECONDS)),
        Life(today - DAY, old, "r1", Known(DAY_SECONDS // 3)),
        Life(today - DAY, new, "r1", Known(DAY_SECONDS * 2 // 3)),
    ]
    assert living(lives, {}, today=today).alive == {"r1": new}


def test_a_day_that_is_not_added_up_yet_ends_nobody_s_life() -> None:
    last = NOVEMBER.start.date()
    lives = [Life(last, "shop", "r1", Known(DAY_SECONDS))]
    assert [bool(living(lives, {}, today=last + days * DAY).alive) for days in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
