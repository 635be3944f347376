"""Properties of statements, over random months: the same inputs give the same bytes, lines add up, corrections mend exactly."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.pricing.amounts import plain
from billing.pricing.rating import rate
from billing.pricing.types import ENGINE_VERSION, Line, Terms, UsageItem
from billing.statements.canonical import (
    Booked,
    dumped,
    items_document,
    lines_body,
    read_terms,
    terms_document,
)
from billing.statements.rating import Made, make
from billing.statements.stored import closed, opened
from tests.pricing_histories import history

SEEDS = st.integers(0, 10**9)
ORIGIN = date(2026, 6, 1)


def document(
    items: list[UsageItem], terms: Terms, corrected: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {
        "tenant": "t",
        "month": terms.month.start.date().isoformat(),
        "engine": ENGINE_VERSION,
        "usage": items_document(items),
        "coverage": [0, 0, 0, 0],
        "terms": terms_document(terms),
        "corrected": corrected or [],
        "adjustments": [],
    }


def books_of(terms: Terms) -> dict[tuple[str, int], Any]:
    return {(held.book.key, held.book.version): held.book for held in terms.segments}


def again(inputs: dict[str, Any], terms: Terms, booked: dict[date, list[Booked]] | None = None) -> Made:
    """Make a statement from what lies in the database: bytes."""
    stored = closed(dumped(inputs))
    return make(orjson.loads(opened(stored)), books_of(terms), booked or {})


def sums(lines: list[Line]) -> dict[tuple[str, ...], tuple[Decimal, int]]:
    found: dict[tuple[str, ...], tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
    for line in lines:
        place = (
            line.category,
            line.account,
            line.runtime,
            line.meter,
            line.dimension,
            line.price_line,
            line.part,
        )
        key = (*place, str(line.book_version), line.credit)
        cost, base = found[key]
        found[key] = (cost + line.billed_cost, base + line.base_quantity)
    return {key: value for key, value in found.items() if any(value)}


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS)
def test_stored_inputs_rate_to_the_same_bytes_in_any_order(seed: int) -> None:
    made = history(Random(seed))
    shuffled = list(made.items)
    Random(seed + 1).shuffle(shuffled)
    first = make(
        document(list(made.items), made.terms), books_of(made.terms), {}, items=made.items, terms=made.terms
    )
    second = again(document(shuffled, made.terms), made.terms)
    assert lines_body(first.lines) == lines_body(second.lines)
    assert read_terms(terms_document(made.terms), books_of(made.terms)).segments == made.terms.segments


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS)
def test_lines_add_up_to_the_total(seed: int) -> None:
    made = history(Random(seed))
    found = make(
        document(list(made.items), made.terms), books_of(made.terms), {}, items=made.items, terms=made.terms
    )
    assert found.total == sum((booked.line.billed_cost for booked in found.lines), Decimal(0))
    assert found.total == rate(made.items, made.terms).billed
    assert len({booked.line.line_id for booked in found.lines}) == len(found.lines)


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS)
def test_original_and_corrections_are_the_rating_of_corrected_usage(seed: int) -> None:
    chance = Random(seed)
    made = history(chance)
    original = [Booked(line) for line in rate(made.items, made.terms).lines]
    booked = list(original)
    before = lines_body(booked)
    empty = document([], made.terms)
    for _ in range(3):
        items = [
            item._replace(
                quantity=chance.choice(
                    [0, item.quantity, item.quantity * chance.randrange(3), chance.randrange(10**9)]
                )
            )
            for item in made.items
            if chance.random() < 0.8
        ]
        entry = {
            "month": ORIGIN.isoformat(),
            "usage": items_document(items),
            "terms": terms_document(made.terms),
        }
        mended = again({**empty, "corrected": [entry]}, made.terms, {ORIGIN: booked})
        assert all(line.origin == ORIGIN and line.line.class_ == "Correction" for line in mended.lines)
        booked += mended.lines
        assert sums([one.original for one in booked]) == sums(list(rate(items, made.terms).lines))
        assert not again({**empty, "corrected": [entry]}, made.terms, {ORIGIN: booked}).lines
    assert lines_body(booked[: len(original)]) == before


@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12)
)
def test_a_number_is_written_the_same_however_many_zeros_it_has(value: Decimal) -> None:
    assert plain(value) == plain(value.quantize(Decimal(1).scaleb(-9))) == plain(value.normalize())
    assert Decimal(plain(value)) == value
    assert "E" not in plain(value)
