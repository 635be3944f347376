"""A month that is cut by prices or credits costs what it costs in one piece, and no piece costs less than nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.books.loading import read_book
from billing.pricing.book import Book
from billing.pricing.fields import Fields
from billing.pricing.rating import rate
from billing.pricing.rules.base import PriceRule, Stand, Use
from billing.pricing.rules.registry import parse_rule
from billing.pricing.types import (
    ENGINE_VERSION,
    FIRST_ENGINE,
    SECOND_ENGINE,
    Category,
    Commitment,
    Grant,
    Line,
    Rated,
    Terms,
)
from tests.priced import HOUR, JUNE, book, exact, line, parted, terms, used
from tests.pricing_histories import history, nothing

DAY, DAY_SECONDS = timedelta(days=1), 86_400
TENTH = JUNE.start + 10 * DAY
BEYOND = {"rule": "per_unit", "price": "0.01"}
TIERS = {"rule": "graduated", "tiers": [{"up_to": 1000, "price": "0.01"}, {"price": "0.02"}]}
BY_HOUR = {"rule": "included", "units_per_hour": 32, "then": BEYOND}
VOLUME = {"rule": "volume", "tiers": [{"up_to": 9000, "price": "0.03"}, {"price": "0.02"}]}
WEIGHTS = {"rule": "capacity", "price": "0.01", "weights": {"gp3": 1, "io2": 3}}
FEE = {"rule": "flat", "price": "25920", "prorated": True}  # a cent for each second of June
PRICES: list[dict[str, Any]] = [
    BY_HOUR,
    *(BY_HOUR | {"then": then} for then in (TIERS, VOLUME, WEIGHTS, FEE)),
    BY_HOUR | {"then": {"rule": "package", "size": 500, "price": "3"}},
    BY_HOUR | {"then": {"rule": "flat", "price": "30"}},
    BY_HOUR | {"then": {"rule": "minimum", "amount": "90", "then": BEYOND}},
    BY_HOUR | {"then": {"rule": "included", "units_per_hour": 8, "then": TIERS}},
    BY_HOUR | {"then": {"rule": "included", "units": 700, "then": TIERS}},
    {"rule": "included", "units": 2000, "then": BY_HOUR},
    {"rule": "included", "units": 2000, "then": {"rule": "minimum", "amount": "90", "then": BEYOND}},
    {"rule": "minimum", "amount": "90", "then": BY_HOUR},
    {"rule": "minimum", "amount": "90", "then": {"rule": "minimum", "amount": "50", "then": BEYOND}},
    {
        "rule": "minimum",
        "amount": "90",
        "then": {
            "rule": "included",
            "units": 2000,
            "then": {"rule": "minimum", "amount": "50", "then": BY_HOUR},
        },
    },
    FEE,
]
USES = st.lists(
    st.tuples(
        st.integers(0, 29),  # the day
        st.sampled_from(("r1", "r2", "r3")),
        st.sampled_from(("a1", "a1", "a2")),
        st.sampled_from(("aws", "aws", "gcp")),
        st.sampled_from(("gp3", "gp3", "io2")),
        st.sampled_from((0, 1, 10, 32, 33, 64, 500)),  # GiB
        st.integers(0, 24),  # hours of the day
    ),
    min_size=1,
    max_size=25,
)
DAYS = st.sets(st.integers(1, 29), max_size=5)
PER = st.sampled_from(("tenant", "account", "runtime"))


def usage(rows: list[tuple[int, str, str, str, str, int, int]]) -> list[Any]:
    """Volumes of so many GiB for a day each, which was seen for some hours."""
    return [
        used(
            "block_storage", size * 24 * HOUR, runtime=runtime, account=account, plan=plan, dimension=kind,
            start=JUNE.start + day * DAY, end=JUNE.start + (day + 1) * DAY, seen=hours * HOUR,
        )
        for day, runtime, account, plan, kind, size, hours in rows
    ]  # fmt: skip


def cut_by_credits(held: Terms, days: set[int]) -> Terms:
    return replace(held, grants=nothing([JUNE.start + day * DAY for day in sorted(days)]))


def cut_by_versions(held: Terms, days: set[int], price: dict[str, Any], per: str) -> Terms:
    edges = [JUNE.start, *(JUNE.start + day * DAY for day in sorted(days)), JUNE.end]
    segments = tuple(
        replace(
            held.segments[0],
            start=start,
            end=end,
            book=book(line("block_storage", price, per=per), version=n),
        )
        for n, (start, end) in enumerate(pairwise(edges), start=1)
    )
    return replace(held, segments=segments)


def sound(rated: Rated) -> Rated:
    assert not rated.problems
    assert len({entry.line_id for entry in rated.lines}) == len(rated.lines)
    for entry in rated.lines:
        assert entry.category is not Category.USAGE or min(amounts(entry)) >= 0, entry
    return rated


def amounts(entry: Line) -> tuple[Decimal, ...]:
    return (
        entry.quantity,
        Decimal(entry.base_quantity),
        entry.list_cost,
        entry.contracted_cost,
        entry.billed_cost,
    )


@given(st.sampled_from(PRICES), PER, USES, DAYS)
@settings(max_examples=300, deadline=None)
def test_a_month_costs_the_same_wherever_it_is_cut(
    price: dict[str, Any], per: str, rows: list[tuple[int, str, str, str, str, int, int]], days: set[int]
) -> None:
    held, items = terms(book(line("block_storage", price, per=per))), usage(rows)
    whole = sound(rate(items, held))
    assert sound(rate(items, cut_by_credits(held, days))).billed == whole.billed
    assert sound(rate(items, cut_by_versions(held, days, price, per))).billed == whole.billed


@given(
    st.sampled_from(PRICES),
    st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 10**4)), min_size=1, max_size=6),
)
@settings(max_examples=300)
def test_every_rule_charges_pieces_as_the_whole_to_the_last_fraction(
    price: dict[str, Any], pieces: list[tuple[int, int]]
) -> None:
    rule = parse_rule(Fields(price, (), [], "EUR", 1))
    assert rule is not None
    base, seen = (sum(column) for column in zip(*pieces, strict=True))
    if base:
        assert charged(rule, pieces) == charged(rule, [(base, seen)])


def charged(rule: PriceRule, pieces: list[tuple[int, int]]) -> Fraction:
    stands = [Stand(0, 0)]
    for base, seen in pieces:
        stands.append(Stand(stands[-1].used + base, stands[-1].seen + seen))
    active = [place for place, (base, _) in enumerate(pieces) if base]
    spent = Fraction(0)
    for place, (base, seen) in enumerate(pieces):
        before = stands[place]
        use = Use(
            base, 1, before.used, stands[-1].used, "gp3", seen, before.seen, stands[-1].seen, 10**6, spent=spent,
            first=place == active[0], last=place == active[-1], ahead=tuple(stands[place + 2 :]),
        )  # fmt: skip
        parts = rule.charge(use)
        assert all(part.base >= 0 and part.numerator >= 0 for part in parts)
        assert sum(part.base for part in parts if part.label.startswith("included")) <= base
        assert len({part.label for part in parts}) == len(parts)
        spent += sum((part.amount for part in parts), Fraction(0))
    return spent


def test_hours_to_come_cover_what_an_earlier_piece_used_beyond_its_own() -> None:
    kyma = read_book(Path(__file__).parents[2] / "billing/books/data/kyma-capacity-units-1.yaml")
    hours, rest = 240, 480
    items = [
        used("block_storage", 64 * hours * HOUR, dimension="gp3", end=TENTH),
        used("block_storage", 10 * rest * HOUR, dimension="gp3", start=TENTH),
    ]
    uncut = rate(items, terms(kyma))
    credit = Grant("g", "Welcome", "EUR", Decimal(100), Decimal(100), JUNE.start, TENTH)
    cut = sound(rate(items, terms(kyma, grants=(credit,))))
    assert exact(uncut.billed, cut.billed, cut.drawn[0].drawn) == (0, 0, 0)
    assert [exact(entry.part, entry.quantity) for entry in cut.lines] == [
        ("included", 64 * hours),
        ("included", 10 * rest),
    ]
    wrong = rate(items, terms(kyma, grants=(credit,)), engine=FIRST_ENGINE)
    assert (wrong.billed, wrong.engine_version) == (Decimal("-4.80"), FIRST_ENGINE)


def test_tiers_beyond_what_is_included_do_not_forget_what_was_given_back() -> None:
    books = [book(line("block_storage", BY_HOUR | {"then": TIERS}, per="runtime"), version=n) for n in (1, 2)]
    items = [
        used("block_storage", 64 * 240 * HOUR, dimension="gp3", end=TENTH),
        used("block_storage", 10 * 480 * HOUR, dimension="gp3", start=TENTH),
    ]
    assert rate(items, terms(books[0])).billed == 0
    assert sound(rate(items, parted(books[0], books[1], TENTH))).billed == 0
    assert rate(items, parted(books[0], books[1], TENTH), engine=FIRST_ENGINE).billed > 140


def test_each_piece_keeps_its_own_hours_where_it_needs_them() -> None:
    held = terms(book(line("block_storage", BY_HOUR, per="runtime")), grants=nothing([TENTH]))
    items = [
        used("block_storage", 64 * 240 * HOUR, dimension="gp3", end=TENTH),
        used("block_storage", 64 * 480 * HOUR, dimension="gp3", start=TENTH),
    ]
    found = sound(rate(items, held))
    assert {(entry.part, int(entry.quantity)) for entry in found.lines} == {
        (part, 32 * hours) for hours in (240, 480) for part in ("included", "")
    }
    assert repr(found.lines) == repr(rate(items, held, engine=FIRST_ENGINE).lines)


def test_time_counts_in_which_a_commitment_covered_everything() -> None:
    held = terms(book(line("block_storage", BY_HOUR, per="runtime")))
    covers = Commitment(
        "c", "Base", "block_storage", "", Decimal(64 * 240), "EUR", Decimal(1), JUNE.start, JUNE.end
    )
    items = [
        used("block_storage", 64 * 240 * HOUR, dimension="gp3", end=TENTH),
        used("block_storage", 64 * 480 * HOUR, dimension="gp3", start=TENTH),
    ]
    held = replace(held, commitments=(covers,))
    assert rate(items, held).billed == 1 + Decimal("0.01") * (64 * 480 - 32 * 720)
    assert rate(items, replace(held, grants=nothing([TENTH]))).billed == rate(items, held).billed


def test_a_runtime_that_changes_its_plan_is_seen_under_both() -> None:
    held = terms(book(line("block_storage", BY_HOUR, per="runtime")))
    items = [
        used("block_storage", 32 * 240 * HOUR, dimension="gp3", end=TENTH),
        used("block_storage", 32 * 480 * HOUR, dimension="gp3", start=TENTH, plan="gcp"),
    ]
    assert rate(items, held).billed == 0
    assert rate(items, replace(held, grants=nothing([TENTH]))).billed == 0


def test_a_fee_for_what_lies_beyond_is_due_wherever_in_the_month_that_is() -> None:
    price = {"rule": "included", "units": 100, "then": {"rule": "flat", "price": "30"}}
    held = terms(book(line("block_storage", price)), grants=nothing([TENTH]))
    items = [
        used("block_storage", size * HOUR, dimension="gp3", start=start, end=start + DAY)
        for size, start in ((90, JUNE.start), (20, TENTH))
    ]
    assert sound(rate(items, held)).billed == rate(items, replace(held, grants=())).billed == 30


@given(st.integers(0, 2**32))
@settings(deadline=None)
def test_engines_differ_only_where_a_month_with_units_by_the_hour_is_cut(seed: int) -> None:
    made = history(Random(seed))
    by_hour = any("units_per_hour" in one["price"] for _, _, lines in made.stages for one in lines.values())
    if by_hour:
        only = replace(made.terms.segments[0], end=JUNE.end)
        made = replace(made, terms=replace(made.terms, grants=(), segments=(only,)))
    first, now = (rate(made.items, made.terms, engine=engine) for engine in (FIRST_ENGINE, ENGINE_VERSION))
    assert repr(first.lines) == repr(now.lines)
    assert (first.engine_version, now.engine_version) == (FIRST_ENGINE, ENGINE_VERSION)


@given(st.sampled_from(PRICES), PER, USES, DAYS)
@settings(deadline=None)
def test_engine_2_differs_in_nothing_but_what_it_calls_the_parts_of_rules_within_rules(
    price: dict[str, Any], per: str, rows: list[tuple[int, str, str, str, str, int, int]], days: set[int]
) -> None:
    held, items = terms(book(line("block_storage", price, per=per))), usage(rows)
    second, now = (
        rate(items, cut_by_credits(held, days), engine=engine) for engine in (SECOND_ENGINE, ENGINE_VERSION)
    )
    assert sorted(map(unnamed, second.lines)) == sorted(map(unnamed, now.lines))
    assert {entry.part for entry in second.lines}.isdisjoint({"included-2", "minimum-2"})
    if not {entry.part for entry in now.lines} & {"included-2", "minimum-2"}:
        assert repr(second.lines) == repr(now.lines)


def unnamed(entry: Line) -> Line:
    return entry._replace(line_id="", part=entry.part.removesuffix("-2") if "tier" not in entry.part else "")


@pytest.mark.parametrize("per", ["tenant", "runtime"])
@pytest.mark.parametrize(
    ("first", "second", "billed"),
    [
        (BY_HOUR, BY_HOUR | {"units_per_hour": 1}, "76.80"),
        (BY_HOUR, BEYOND, "81.60"),
        (BY_HOUR, {"rule": "graduated", "tiers": [{"price": "0.01"}]}, "81.60"),
        (BY_HOUR | {"units_per_hour": 1}, BY_HOUR, "151.20"),
        (
            {"rule": "minimum", "amount": "50", "then": BY_HOUR},
            {"rule": "minimum", "amount": "50", "then": BEYOND},
            "81.60",
        ),
    ],
)
def test_hours_that_a_later_price_does_not_include_cover_nothing_of_before(
    per: str, first: dict[str, Any], second: dict[str, Any], billed: str
) -> None:
    """64 GiB for ten days, then 1 GiB for twenty: 240 hours at 32 GiB beyond what the first price includes."""
    books = [book(line("block_storage", price, per=per), version=n) for n, price in ((1, first), (2, second))]
    held = [
        used("block_storage", 64 * 240 * HOUR, dimension="gp3", end=TENTH),
        used("block_storage", 480 * HOUR, dimension="gp3", start=TENTH),
    ]
    rated = sound(rate(held, parted(books[0], books[1], TENTH)))
    assert rated.billed == Decimal(billed)


FEE_OF_300 = {"rule": "flat", "price": "300", "prorated": True}
USED_AND_IDLE = [
    used("block_storage", 64 * 240 * HOUR, dimension="gp3", end=TENTH),
    used("block_storage", 0, dimension="gp3", start=TENTH),
]


def versions(*prices: dict[str, Any]) -> list[Book]:
    return [
        book(line("block_storage", price, per="tenant"), version=number)
        for number, price in enumerate(prices, 1)
    ]


def test_a_minimum_is_reckoned_once_all_time_has_counted() -> None:
    [least] = versions({"rule": "minimum", "amount": "350", "then": FEE_OF_300})
    held = terms(least)
    cut = replace(held, grants=nothing([TENTH]))
    assert rate(USED_AND_IDLE, held).billed == rate(USED_AND_IDLE, cut).billed == 350


def test_a_minimum_is_due_though_a_later_price_that_nobody_used_has_none() -> None:
    books = versions({"rule": "minimum", "amount": "500", "then": BEYOND}, BEYOND | {"price": "0.02"})
    assert rate(USED_AND_IDLE, parted(books[0], books[1], TENTH)).billed == 500


@pytest.mark.parametrize("seen", [0, DAY_SECONDS])
def test_what_was_not_used_needs_no_price(seen: int) -> None:
    price = {"rule": "capacity", "price": "0.01"}
    books = versions(price | {"weights": {"gp3": 1, "io2": 1}}, price | {"weights": {"gp3": 1}})
    rows = [
        used("block_storage", 64 * HOUR, dimension="io2", end=TENTH),
        used("block_storage", 0, dimension="io2", start=TENTH, seen=seen),
    ]
    assert rate(rows, parted(books[0], books[1], TENTH)).problems == ()
