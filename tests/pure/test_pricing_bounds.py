"""What is larger, longer or stranger than the tables hold is refused as it is read; what was let in before raises nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.books.loading import BooksInvalidError, read_upload
from billing.pricing.bounds import LARGEST_COST
from billing.pricing.fields import BookInvalidError
from billing.pricing.rating import rate
from billing.pricing.reading import parse_book
from billing.pricing.types import Commitment
from tests.priced import HOUR, JUNE, METERS, book, document, line, terms, used

CORE_HOUR = 1000 * HOUR
PER_UNIT = {"rule": "per_unit", "price": "1"}
P = "lines.0.price"
ABSURD = "9e999999"


def faults(written: Any, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(BookInvalidError) as caught:
        parse_book(written, METERS, **more)
    return [(".".join(map(str, fault.path)), fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize("amount", ["1e400", "9" * 500, "9" * 15, "1000000000000.01", "1e999999999", 10**13])
@pytest.mark.parametrize(
    ("price", "place"),
    [
        (lambda amount: {"rule": "per_unit", "price": amount}, f"{P}.price"),
        (lambda amount: {"rule": "flat", "price": amount}, f"{P}.price"),
        (lambda amount: {"rule": "package", "size": amount, "price": "1"}, f"{P}.size"),
        (lambda amount: {"rule": "minimum", "amount": amount, "then": PER_UNIT}, f"{P}.amount"),
        (lambda amount: {"rule": "included", "units": amount, "then": PER_UNIT}, f"{P}.units"),
        (
            lambda amount: {"rule": "volume", "tiers": [{"up_to": amount, "price": "1"}, {"price": "1"}]},
            f"{P}.tiers.0.up_to",
        ),
        (lambda amount: {"rule": "graduated", "tiers": [{"price": amount}]}, f"{P}.tiers.0.price"),
    ],
)
def test_no_number_of_a_price_is_absurdly_large(price: Any, place: str, amount: Any) -> None:
    assert faults(document(line("vcpu", price(amount)))) == [(place, "too_large")]


def test_the_weight_of_a_machine_type_and_the_limit_of_a_credit_are_bounded_too() -> None:
    weighed = line("node", {"rule": "capacity", "price": "1", "weights": {"large": "1e20"}})
    assert faults(document(weighed)) == [(f"{P}.weights.large", "too_large")]
    credit = {"title": "All", "percent": "10", "limit": "1e20"}
    assert faults(document(line("vcpu", "1"), credit=credit)) == [("credit.limit", "too_large")]


def test_no_number_is_absurdly_fine() -> None:
    fine = {"rule": "capacity", "price": "1", "weights": {"large": "1e-400"}}
    assert faults(document(line("node", fine))) == [(f"{P}.weights.large", "too_fine")]


def test_the_largest_that_may_be_written_is_read() -> None:
    largest = {"rule": "volume", "tiers": [{"up_to": "1e12", "price": "1e12"}, {"price": "0.123456789012"}]}
    assert book(line("vcpu", largest)).lines


@pytest.mark.parametrize(
    ("wrong", "place", "code"),
    [
        ({"version": 99_999_999_999_999}, "version", "version_invalid"),
        ({"version": 1_000_000}, "version", "version_invalid"),
        ({"title": "x" * 101}, "title", "text_too_long"),
        ({"title": "a\0b"}, "title", "text_invalid"),
        ({"credit": {"title": "\x1b[2J", "percent": "10"}}, "credit.title", "text_invalid"),
        ({"credit": {"title": "x" * 501, "percent": "10"}}, "credit.title", "text_too_long"),
    ],
)
def test_what_no_column_holds_is_refused_with_its_place(wrong: dict[str, Any], place: str, code: str) -> None:
    assert faults(document(line("vcpu", "1"), **wrong)) == [(place, code)]


@pytest.mark.parametrize(
    "wrong", [{"description": "a\0b"}, {"plans": ["a\0b"]}, {"regions": ["p" * 501, "eu"]}, {"x\0": 1}]
)
def test_texts_are_looked_at_wherever_they_stand(wrong: dict[str, Any]) -> None:
    found = faults(document(line("vcpu", "1", **wrong), line("vcpu", "1", key="rest")))
    told = [place for place, code in found if code in {"text_invalid", "text_too_long"}]
    assert len(told) == 1
    assert told[0].startswith("lines.0.")


def test_what_is_nested_without_end_is_not_read_on() -> None:
    price: dict[str, Any] = PER_UNIT
    for _ in range(400):
        price = {"rule": "included", "units": 1, "then": price}
    assert {code for _, code in faults(document(line("vcpu", price)))} == {"too_deep"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"key: own\nversion: {'9' * 5000}\n", "2: version must be 1 or higher"),
        ("key: own\nversion: 99999999999999\n", "2: version is at most 999,999"),
        ('key: own\ntitle: "a\\0b"\n', "2: this text holds U+0000"),
    ],
)
def test_an_upload_is_told_its_line(text: str, told: str) -> None:
    with pytest.raises(BooksInvalidError) as caught:
        read_upload(text)
    assert any(told in str(fault) for fault in caught.value.faults)


def test_what_was_taken_before_there_were_bounds_is_read_as_it_is() -> None:
    taken = document(
        line("node", {"rule": "capacity", "price": "1e400", "weights": {"large": "1e20"}}),
        title="x" * 300,
    )
    assert parse_book(taken, METERS, whole=False).lines[0].rule.list_price("large", 1)[0].amount == Decimal(
        "1e400"
    )
    assert {code for _, code in faults(taken, whole=False, bounded=True)} == {"too_large", "text_too_long"}


def test_a_line_that_no_statement_can_hold_is_a_problem_of_its_price_and_the_others_are_rated() -> None:
    dear = document(line("vcpu", "1e400"), line("memory", "0.01"))
    found = rate(
        [used("vcpu", CORE_HOUR), used("memory", 1024 * HOUR * 100), used("vcpu", CORE_HOUR, runtime="r2")],
        terms(parse_book(dear, METERS, whole=False)),
    )
    assert [(entry.meter, entry.billed_cost) for entry in found.lines] == [("memory", Decimal("1.00"))]
    [problem] = found.problems
    assert (problem.code, problem.field) == ("cost_too_large", "price")
    assert "test version 1, price line vcpu" in problem.detail


@pytest.mark.parametrize(
    ("price", "codes"),
    [
        ({"rule": "per_unit", "price": ABSURD}, ["cost_too_large"]),
        ({"rule": "flat", "price": ABSURD}, ["cost_too_large"]),
        ({"rule": "package", "size": 1, "price": ABSURD}, ["cost_too_large"]),
        ({"rule": "minimum", "amount": ABSURD, "then": PER_UNIT}, ["cost_too_large"]),
        (
            {"rule": "graduated", "tiers": [{"up_to": ABSURD, "price": ABSURD}, {"price": "2"}]},
            ["cost_too_large"],
        ),
        ({"rule": "volume", "tiers": [{"up_to": ABSURD, "price": "1"}, {"price": "2"}]}, []),
        ({"rule": "included", "units": ABSURD, "then": PER_UNIT}, []),
        ({"rule": "included", "units_per_hour": ABSURD, "then": PER_UNIT}, []),
    ],
)
def test_a_number_too_large_to_reckon_with_is_a_problem_of_its_line_at_most(
    price: Any, codes: list[str]
) -> None:
    taken = document(line("vcpu", price), line("memory", "0.01"))
    held = terms(parse_book(taken, METERS, whole=False), discount="10")
    found = rate([used("vcpu", CORE_HOUR), used("memory", 1024 * HOUR * 100)], held)
    assert [problem.code for problem in found.problems] == codes
    assert all("test version 1, price line vcpu" in problem.detail for problem in found.problems)
    assert Decimal("0.90") in [entry.billed_cost for entry in found.lines if entry.meter == "memory"]


def test_lines_that_are_too_much_only_together_fit_as_far_as_they_go() -> None:
    held = book(line("vcpu", "600000000000"))
    items = [used("vcpu", 100 * CORE_HOUR, runtime=name) for name in ("r1", "r2", "r3")]
    found = rate(items, terms(held))
    assert found.billed == Decimal("60000000000000") < LARGEST_COST
    assert [entry.code for entry in found.problems] == ["cost_too_large"]


def test_a_commitment_too_dear_for_any_statement_is_a_problem_by_its_title() -> None:
    fee = Commitment("c1", "Cores", "vcpu", "", Decimal(1), "EUR", Decimal("1e14"), JUNE.start, JUNE.end)
    found = rate([], terms(book(line("vcpu", "1")), commitments=(fee,)))
    assert any("Cores: it costs more" in problem.detail for problem in found.problems)
