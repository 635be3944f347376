"""What a month will emit: of runtimes that live, accounts add up to their tenant, and who is gone emits no more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.costs.carbon import Emitted, Interval, outlook_of

FIRST, END, DAY = date(2026, 11, 1), date(2026, 12, 1), timedelta(days=1)
DAY_SECONDS, HOUR = 86_400, 3600
LONG_AGO = date(2026, 10, 1)
EXACT = Decimal("0.000001")


def emitted(
    account: str, runtime: str, grams: int, born: date, ended: date, *, last: int = DAY_SECONDS
) -> list[Emitted]:
    """The same each day until one that it lived so many seconds of."""
    return [
        Emitted(
            day, account, runtime, last if day == ended else DAY_SECONDS,
            Decimal(grams) * (last if day == ended else DAY_SECONDS) / DAY_SECONDS,
        )
        for day in (born + number * DAY for number in range((ended - born).days + 1))
    ]  # fmt: skip


def asked(rows: list[Emitted], day: int) -> dict[str, Interval]:
    today = date(2026, 11, day)
    oldest = min(FIRST, today - 29 * DAY)
    known = [row for row in rows if oldest <= row.day < today]
    found = outlook_of(known, first=FIRST, end=END, today=today)
    assert abs(sum(one[0] for name, one in found.items() if name) - found[""][0]) < EXACT
    assert all(low <= expected <= high for expected, low, high in found.values())
    return found


def november(rows: list[Emitted], account: str = "") -> Decimal:
    return sum((row.grams for row in rows if row.day >= FIRST and account in ("", row.account)), Decimal(0))


@pytest.mark.parametrize("day", [6, 8, 12, 20, 28, 30])
def test_what_is_gone_emits_no_more(day: int) -> None:
    gone = emitted("shop", "r1", 1000, LONG_AGO, date(2026, 11, 5), last=DAY_SECONDS // 2)
    left = emitted("lab", "r2", 10, LONG_AGO, END)
    for rows in (gone, [*gone, *left]):
        found = asked(rows, day)
        assert found["shop"] == (Decimal(4500),) * 3
        assert found[""][0] == sum(one[0] for name, one in found.items() if name)
    assert found["lab"][0] == 300
    assert found[""][0] == 4800


@pytest.mark.parametrize("day", [6, 8, 12, 20, 28])
def test_of_two_in_an_account_the_one_that_is_left_goes_on(day: int) -> None:
    gone = emitted("shop", "r1", 1000, LONG_AGO, date(2026, 11, 5), last=DAY_SECONDS // 2)
    found = asked([*gone, *emitted("shop", "r2", 10, LONG_AGO, END)], day)
    assert found["shop"][0] == found[""][0] == 4800


@pytest.mark.parametrize("day", [16, 17, 19, 24, 28])
def test_one_that_was_made_anew_emits_what_the_one_before_did(day: int) -> None:
    half = DAY_SECONDS // 2
    rows = emitted("shop", "old", 100, LONG_AGO, date(2026, 11, 15), last=half)
    rows += [Emitted(date(2026, 11, 15), "shop", "new", half, Decimal(50))]
    rows += emitted("shop", "new", 100, date(2026, 11, 16), END)
    assert abs(asked(rows, day)["shop"][0] - 3000) < EXACT


@pytest.mark.parametrize("day", [17, 19, 24, 28])
def test_a_newcomer_in_another_account_brings_nobody_back(day: int) -> None:
    rows = emitted("shop", "big", 1000, LONG_AGO, date(2026, 11, 15), last=DAY_SECONDS // 2)
    rows += emitted("lab", "tiny", 10, date(2026, 11, 16), END)
    found = asked(rows, day)
    assert found["shop"] == (Decimal(14_500),) * 3
    assert found["lab"][0] <= Decimal("1.05") * 150


def test_days_on_which_nothing_lived_are_zero() -> None:
    early = emitted("shop", "r1", 100, date(2026, 11, 1), date(2026, 11, 3), last=DAY_SECONDS // 2)
    late = emitted("shop", "r2", 70, date(2026, 11, 13), date(2026, 11, 13))
    found = asked([*early, *late], 14)
    assert found["shop"][0] == 250 + 70 + 17 * 10  # one of the last seven days


@pytest.mark.parametrize("day", [2, 9, 20])
def test_yesterday_is_expected_where_it_has_not_been_made_yet(day: int) -> None:
    rows = emitted("shop", "r1", 100, LONG_AGO, date(2026, 11, day) - 2 * DAY)
    assert asked(rows, day)[""][0] == 3000


def test_from_less_than_a_week_nothing_is_told() -> None:
    assert outlook_of([], first=FIRST, end=END, today=date(2026, 11, 9)) == {}
    rows = emitted("shop", "r1", 100, date(2026, 11, 3), END)
    today = date(2026, 11, 9)
    known = [row for row in rows if row.day < today]
    assert outlook_of(known, first=FIRST, end=END, today=today) == {}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["shop", "lab"]), st.integers(0, 10_000)), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["shop", "lab", "mill"]), st.integers(0, 10_000)), max_size=4),
    st.integers(2, 25), st.integers(1, DAY_SECONDS - HOUR - 1), st.integers(1, 5),
)  # fmt: skip
def test_a_steady_rest_emits_what_was_forecast(
    steady: list[tuple[str, int]], gone: list[tuple[str, int]], day: int, second: int, later: int
) -> None:
    last = date(2026, 11, day)
    rows = [
        row
        for number, (account, grams) in enumerate(steady)
        for row in emitted(account, f"s{number}", grams, LONG_AGO, END)
    ] + [
        row
        for number, (account, grams) in enumerate(gone)
        for row in emitted(account, f"g{number}", grams, LONG_AGO, last, last=second)
    ]
    rows = [row for row in rows if row.day < END]
    found = asked(rows, day + later)
    for account in found:
        assert abs(found[account][0] - november(rows, account)) < EXACT
