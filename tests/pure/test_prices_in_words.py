"""A price book's lines are told in words that say what each rule charges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.books.sentences import lines_in_words, price, step_in_words
from controlplane.console.presenters.prices import differences_shown
from tests.priced import document, line

TIERS = [{"up_to": 100, "price": "0.085"}, {"price": "0.065"}]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("0.030", ["0.03 EUR a Core-Hour"]),
        (
            {"rule": "graduated", "tiers": TIERS},
            ["the first 100: 0.085 EUR a Core-Hour", "above 100: 0.065 EUR a Core-Hour"],
        ),
        (
            {"rule": "volume", "tiers": TIERS},
            [
                "up to 100 in the month: 0.085 EUR a Core-Hour",
                "above 100 in the month, for all of them: 0.065 EUR a Core-Hour",
            ],
        ),
        ({"rule": "package", "size": 1000, "price": 2}, ["2.00 EUR for each 1,000 Core-Hours begun"]),
        (
            {"rule": "included", "units": 100, "then": {"rule": "per_unit", "price": "0.000135"}},
            ["the first 100 a month: nothing", "beyond: 0.000135 EUR a Core-Hour"],
        ),
        (
            {"rule": "minimum", "amount": 20, "then": {"rule": "per_unit", "price": "0.05"}},
            ["0.05 EUR a Core-Hour", "at least: 20.00 EUR a month"],
        ),
        ({"rule": "flat", "price": 9, "prorated": True}, ["9.00 EUR a month, by the time that was seen"]),
        (
            {"rule": "capacity", "price": "0.12", "weights": {"m5.large": 3, "m5.xlarge": 4}},
            [
                "a capacity unit: 0.12 EUR an hour",
                "m5.large: 3 capacity units: 0.36 EUR a Core-Hour",
                "m5.xlarge: 4 capacity units: 0.48 EUR a Core-Hour",
            ],
        ),
    ],
)
def test_every_rule_is_told_in_words(rule: Any, told: list[str]) -> None:
    [found] = lines_in_words({"lines": [line("vcpu", rule)]})
    assert [step_in_words(step, "EUR") for step in found.steps] == told


def test_a_discount_is_told_beside_the_list_price_and_a_month_is_reckoned_with_it() -> None:
    [found] = lines_in_words({"lines": [line("vcpu", "0.04")]}, discount=Decimal(25))
    assert (found.steps[0].amount, found.steps[0].contracted, found.monthly) == (
        Decimal("0.04"),
        Decimal("0.03"),
        Decimal("21.90"),
    )


def test_a_price_has_all_its_places_and_two_at_least() -> None:
    assert [price(Decimal(text), "EUR") for text in ("5", "0.5", "0.000135", "1E+3")] == [
        "5.00 EUR",
        "0.50 EUR",
        "0.000135 EUR",
        "1,000.00 EUR",
    ]


def test_what_differs_is_told_line_by_line_with_its_percentage() -> None:
    before = document(line("vcpu", "0.0300"), line("memory", "0.004"))
    after = document(line("vcpu", "0.0312"), line("egress", "0.08"), title="Better", version=2)
    found = {one.title: (one.before, one.after) for one in differences_shown(before, after)}
    assert found["Title"] == (("Test",), ("Better",))
    assert found["vcpu"] == (("0.03 EUR a Core-Hour",), ("0.0312 EUR a Core-Hour (+4.0 %)",))
    assert found["memory"] == (("0.004 EUR a GiB-Hour",), ())
    assert found["egress"] == ((), ("0.08 EUR a GiB",))
