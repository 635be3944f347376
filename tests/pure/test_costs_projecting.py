"""Use that goes on as it is makes the month cost what is forecast, whatever the prices are and whichever day one asks on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.books.loading import meter_facts, read_books
from billing.costs.forecasting import TooLittle
from billing.costs.months import Known, Life, Material, Month, of_rated
from billing.costs.projecting import Before, Expected, Outlook, outlook_of
from billing.costs.valuing import worths
from billing.pricing.book import Book
from billing.pricing.fx import Rate, Rates
from billing.pricing.periods import Period, month, month_of
from billing.pricing.rating import rate
from billing.pricing.reading import parse_book
from billing.pricing.types import Commitment, Grant, Segment, Terms, UsageItem

NOVEMBER = month(2026, 11)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAY_SECONDS = 86_400
Use = tuple[str, str, str, str, int]  # account, runtime, meter, dimension, base units
SHIPPED = {file.book.key: file.book for file in read_books()}
KINDS = (
    ("vcpu", ""), ("memory", ""), ("control_plane", ""), ("egress", ""), ("nfs", ""), ("load_balancer", ""),
    ("block_storage", "gp3"), ("snapshots", "gp3"), ("node", "m5.large"), ("node", "c7i.xlarge"),
)  # fmt: skip


def book(**prices: dict[str, Any]) -> Book:
    """A book with a line for each meter that is named, all others free; `per` beside the rule says the scope."""
    facts = meter_facts()
    lines = [
        {
            "key": meter.replace("_", "-"),
            "meter": meter,
            "unit": facts[meter].unit,
            **({"per": price["per"]} if "per" in price else {}),
            "price": {name: value for name, value in price.items() if name != "per"},
        }
        for meter, price in prices.items()
    ]
    head = {"key": "own", "version": 1, "title": "Own", "currency": "EUR", "effective_from": "2026-01-01"}
    return parse_book({**head, "lines": lines, "free": sorted(set(facts) - set(prices))}, facts)


PLAIN = book(vcpu={"rule": "per_unit", "price": "0.1"})
EVERY_RULE = book(
    vcpu={"rule": "volume", "tiers": [{"up_to": 5000, "price": "0.05"}, {"price": "0.04"}]},
    memory={"rule": "package", "size": 1000, "price": "3"},
    control_plane={"rule": "flat", "price": "300", "prorated": True, "per": "runtime"},
    load_balancer={"rule": "flat", "price": "20"},
    egress={"rule": "included", "units": 10, "then": {"rule": "per_unit", "price": "0.08"}},
    nfs={"rule": "minimum", "amount": "50", "then": {"rule": "per_unit", "price": "0.0004"}},
    block_storage={"rule": "included", "units_per_hour": 32, "then": {"rule": "per_unit", "price": "0.01"}},
)
BOOKS = {**SHIPPED, "every rule": EVERY_RULE}


def terms(*segments: Segment, period: Period = NOVEMBER, currency: str = "EUR", **more: Any) -> Terms:
    held = segments or (Segment(period.start, period.end, PLAIN),)
    return Terms(period, currency, held, **{"rates": Rates(), **more})


def days_of(uses: Sequence[Use], start: datetime, end: datetime) -> tuple[list[UsageItem], list[Life]]:
    """The same use all the time, by day."""
    items: list[UsageItem] = []
    lives: list[Life] = []
    while start < end:
        until = min(month_of(start).end, end, start.replace(hour=0, minute=0, second=0) + DAY)
        seconds = int((until - start).total_seconds())
        for account, runtime, meter, dimension, level in uses:
            place = (account, runtime, "aws", "eu-central-1", meter, dimension, start, until)
            items.append(UsageItem(*place, level * seconds, seconds, seconds))
        lives += [Life(start.date(), *whose, Known(seconds)) for whose in sorted({use[:2] for use in uses})]
        start = until
    return items, lives


def so_far(
    held: Terms, items: Sequence[UsageItem], lives: Sequence[Life], now: datetime
) -> tuple[Material, Month]:
    material = Material(held, tuple(items), tuple(lives), min(now, held.month.end), "")
    return material, of_rated(material, rate(items, held), items)


def asked(held: Terms, uses: Sequence[Use], now: datetime, *, before: Sequence[Use] | None = None) -> Outlook:
    """The outlook at a moment of the month, of use that went on like that for four weeks and more."""
    since = now.replace(hour=0, minute=0, second=0) - 28 * DAY
    past, lived = days_of(uses if before is None else before, since, held.month.start)
    items, lives = days_of(uses, held.month.start, now)
    return outlook_of(*so_far(held, items, lives, now), Before(tuple(past), tuple(lived)), now)


def told(found: Outlook) -> Expected:
    assert isinstance(found, Expected)
    return found


def whole(held: Terms, uses: Sequence[Use]) -> Decimal:
    """What the month costs once it is over."""
    return rate(days_of(uses, *held.month)[0], held).billed


CORES: tuple[Use, ...] = (("shop", "r1", "vcpu", "", 10_000),)


@st.composite
def uses(draw: st.DrawFn) -> list[Use]:
    found: list[Use] = []
    for number in range(draw(st.integers(1, 3))):
        account = draw(st.sampled_from(["shop", "lab"]))
        for meter, dimension in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6, unique=True)):
            found.append((account, f"r{number}", meter, dimension, draw(st.integers(1, 200_000))))
    return found


@st.composite
def agreed(draw: st.DrawFn) -> Terms:
    """A month with any of the books, in any currency, with what else may hold in it."""
    period = month(*draw(st.sampled_from([(2026, 2), (2026, 3), (2026, 11), (2028, 2)])))
    held = BOOKS[draw(st.sampled_from(sorted(BOOKS)))]
    currency = draw(st.sampled_from(["EUR", "HUF", "JPY", "KWD"]))
    rates = Rates.of(
        Rate("EUR", quote, SINCE, Decimal(value))
        for quote, value in (("HUF", "401.5"), ("JPY", "171"), ("KWD", "0.35"))
    )
    middle = period.start + draw(st.integers(1, 27)) * DAY
    discounts = draw(st.tuples(st.integers(0, 60), st.integers(0, 60)))
    segments = (
        Segment(period.start, middle, held, discount_percent=Decimal(discounts[0])),
        Segment(middle, period.end, replace(held, version=2), discount_percent=Decimal(discounts[1])),
    )
    amount = Decimal(draw(st.integers(1, 2000)))
    grant = Grant(
        "g", "Gift", currency, amount, amount, period.start, period.start + draw(st.integers(1, 40)) * DAY
    )
    units = Decimal(draw(st.integers(1, 2000)))
    fee = Commitment("c", "Cores", "vcpu", "", units, currency, Decimal(90), SINCE, SINCE + 5000 * DAY)
    return Terms(
        period,
        currency,
        segments if draw(st.booleans()) else (Segment(*period, held),),
        rates,
        grants=(grant,) if draw(st.booleans()) else (),
        commitments=(fee,) if draw(st.booleans()) else (),
    )


@settings(max_examples=150, deadline=None)
@given(agreed(), uses(), st.integers(2, 31), st.integers(0, DAY_SECONDS - 1))
def test_steady_use_costs_what_was_forecast_on_any_day(
    held: Terms, used: list[Use], day: int, second: int
) -> None:
    last = held.month.end - DAY
    now = min(held.month.start + (day - 1) * DAY, last) + timedelta(seconds=second)
    found = told(asked(held, used, now))
    assert found.expected == whole(held, used)
    assert found.low <= found.expected <= found.high
    assert sum(one[0] for one in found.accounts.values()) == found.expected
    assert all(low <= expected <= high for expected, low, high in found.accounts.values())


@pytest.mark.parametrize("day", [1, 2, 3, 5, 8, 12, 28])
@pytest.mark.parametrize("price", ["0.2", "0.05"])
def test_a_price_that_changed_on_the_first_is_no_change_of_use(price: str, day: int) -> None:
    held = terms(Segment(*NOVEMBER, book(vcpu={"rule": "per_unit", "price": price})))
    found = told(asked(held, CORES, NOVEMBER.start + (day - 1) * DAY + timedelta(hours=12)))
    assert found.expected == 7200 * Decimal(price)


@pytest.mark.parametrize("day", [2, 10, 20])
def test_a_fee_by_time_is_charged_for_the_days_to_come(day: int) -> None:
    fee = book(control_plane={"rule": "flat", "price": "300", "prorated": True, "per": "runtime"})
    held = terms(Segment(*NOVEMBER, fee))
    found = told(asked(held, [("shop", "r1", "control_plane", "", 1)], NOVEMBER.start + (day - 1) * DAY))
    assert found.expected == 300
    assert found.low < 300 < found.high  # it may be deleted before, and another one may come


def test_a_fee_by_time_alone_goes_on_beyond_a_new_version_of_its_book() -> None:
    fee = book(control_plane={"rule": "flat", "price": "300", "prorated": True, "per": "runtime"})
    middle = NOVEMBER.start + 15 * DAY
    held = terms(Segment(NOVEMBER.start, middle, fee), Segment(middle, NOVEMBER.end, replace(fee, version=2)))
    found = told(asked(held, [("shop", "r1", "control_plane", "", 1)], NOVEMBER.start + 4 * DAY))
    assert found.expected == 300


@pytest.mark.parametrize("day", [2, 10, 20])
def test_units_included_by_the_hour_are_given_on_the_days_to_come(day: int) -> None:
    held = terms(Segment(*NOVEMBER, SHIPPED["kyma-capacity-units"]))
    found = told(asked(held, [("shop", "r1", "block_storage", "gp3", 64)], NOVEMBER.start + (day - 1) * DAY))
    assert found.expected == Decimal("14.40")


def test_a_price_that_will_change_this_month_is_in_it() -> None:
    middle = NOVEMBER.start + 15 * DAY
    dearer = replace(book(vcpu={"rule": "per_unit", "price": "0.2"}), version=2)
    held = terms(Segment(NOVEMBER.start, middle, PLAIN), Segment(middle, NOVEMBER.end, dearer))
    assert told(asked(held, CORES, NOVEMBER.start + 3 * DAY)).expected == 360 + 720


def test_what_grew_since_last_month_grows_in_use_not_in_price() -> None:
    twice = [(*CORES[0][:4], 20_000)]
    found = told(asked(terms(), twice, NOVEMBER.start + 8 * DAY, before=CORES))
    assert found.low <= whole(terms(), twice) <= found.high


def test_the_interval_has_a_width_for_steady_use_and_shrinks_to_the_month_s_end() -> None:
    widths = []
    for hours in range(24, 30 * 24, 12):
        found = told(asked(terms(), CORES, NOVEMBER.start + timedelta(hours=hours)))
        assert found.low < found.expected < found.high
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 24  # a day's use is worth 24.00: one day more or less is inside on the first days
    assert widths[-1] < 1


def test_a_week_says_less_than_four() -> None:
    now = NOVEMBER.start + 8 * DAY
    items, lives = days_of(CORES, NOVEMBER.start, now)
    young = told(outlook_of(*so_far(terms(), items, lives, now), Before(), now))
    old = told(asked(terms(), CORES, now))
    assert (young.known_days, old.known_days) == (8, 28)
    assert young.expected == old.expected
    assert young.high - young.low > 2 * (old.high - old.low)


def test_usage_whose_currency_has_no_rate_tells_nothing() -> None:
    found = asked(terms(currency="JPY"), CORES, NOVEMBER.start + 5 * DAY)
    assert found == TooLittle(0)


def test_usage_that_is_free_is_known_and_costs_nothing() -> None:
    found = told(asked(terms(), [("shop", "r1", "node", "m5.large", 3)], NOVEMBER.start + 5 * DAY))
    assert found.expected == found.low == found.high == 0


def test_a_day_that_brought_nothing_is_not_how_days_are() -> None:
    now = NOVEMBER.start + 9 * DAY
    items, lives = days_of(CORES, NOVEMBER.start, now)
    items = [item if item.start.date().day != 9 else item._replace(quantity=0) for item in items]
    found = told(outlook_of(*so_far(terms(), items, lives, now), Before(), now))
    assert 8 * 24 + 21 * 20 < found.expected < 30 * 24


def test_where_nothing_lives_any_more_what_was_spent_is_expected() -> None:
    gone = NOVEMBER.start + 10 * DAY
    items, lives = days_of(CORES, NOVEMBER.start, gone)
    amounts = []
    for days in (0, 3, 6, 9):
        now = gone + days * DAY
        amounts.append(told(outlook_of(*so_far(terms(), items, lives, now), Before(), now)).expected)
    assert amounts == [720, 240, 240, 240]


def test_use_is_worth_what_its_first_unit_costs_the_tenant() -> None:
    prices = book(
        vcpu={"rule": "graduated", "tiers": [{"up_to": 10, "price": "0.1"}, {"price": "0.05"}]},
        egress={"rule": "included", "units": 10, "then": {"rule": "per_unit", "price": "0.08"}},
        control_plane={"rule": "flat", "price": "300"},
    )
    discounted = Segment(*NOVEMBER, prices, frozenset({"aws"}), Decimal(40))
    held = terms(discounted, currency="HUF", rates=Rates.of([Rate("EUR", "HUF", SINCE, Decimal(400))]))
    kinds = [
        (plan, "eu", meter, "")
        for plan, meter in (
            ("aws", "vcpu"), ("aws", "egress"), ("aws", "control_plane"), ("aws", "nfs"), ("gcp", "vcpu"),
        )
    ]  # fmt: skip
    found = worths(kinds, held, NOVEMBER.start)
    facts = meter_facts()
    # Of 0.1 and 0.08 euros, in fillers; a fee has no first unit, and of a plan without a book nothing is known.
    assert {kind[2]: round(worth * facts[kind[2]].per_unit, 9) for kind, worth in found.items()} == {
        "vcpu": 2400,
        "egress": 1920,
        "control_plane": 0,
        "nfs": 0,
    }
    assert ("gcp", "eu", "vcpu", "") not in found
