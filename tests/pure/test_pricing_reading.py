"""A price book that is wrong is refused, with every fault, its place and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from billing.pricing.book import Scope
from billing.pricing.fields import BookInvalidError
from billing.pricing.reading import check_history, digest_of, parse_book
from tests.priced import METERS, book, document, line

TIERS = {"rule": "graduated", "tiers": [{"up_to": 100, "price": "0.05"}, {"price": "0.04"}]}


def faults(written: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(BookInvalidError) as caught:
        parse_book(written, METERS)
    return [(".".join(map(str, fault.path)), fault.code, fault.detail) for fault in caught.value.faults]


def of_line(price: Any, **more: Any) -> list[tuple[str, str, str]]:
    return faults(document(line("vcpu", price, **more)))


def tiers(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"rule": "graduated", "tiers": list(entries)}


P = "lines.0.price"
WRONG_PRICES: list[tuple[Any, str, str, str]] = [
    ("-0.05", f"{P}.price", "too_small", "at least 0"),
    ("NaN", f"{P}.price", "not_a_number", "write digits"),
    (".inf", f"{P}.price", "not_a_number", "write digits"),
    ("Infinity", f"{P}.price", "not_a_number", "write digits"),
    ("five", f"{P}.price", "not_a_number", "write digits"),
    ("0.0000000000001", f"{P}.price", "price_invalid", "shorten it"),
    ({"rule": "per_unit"}, P, "number_missing", "add it"),
    ({"rule": "per_unit", "price": True}, f"{P}.price", "not_a_number", "write digits"),
    (
        {"rule": "gradual", "price": "1"},
        f"{P}.rule",
        "rule_unknown",
        "choose one of capacity, flat, graduated",
    ),
    ({"rule": "per_unit", "price": "1", "cost": "2"}, f"{P}.cost", "unknown_field", "it takes rule, price"),
    ({"rule": "graduated", "tiers": []}, f"{P}.tiers", "list_missing", "add one"),
    (
        tiers({"up_to": 10, "price": "1"}),
        f"{P}.tiers.0.up_to",
        "tier_uncovered",
        "leave up_to out of the last",
    ),
    (tiers({"price": "1"}, {"price": "2"}), f"{P}.tiers.0", "tier_uncovered", "say how far this one goes"),
    (
        tiers({"up_to": 10, "price": "1"}, {"up_to": 10, "price": "1"}, {"price": "2"}),
        f"{P}.tiers.1.up_to",
        "tiers_out_of_order",
        "put this one where it belongs",
    ),
    (tiers({"up_to": 0, "price": "1"}, {"price": "2"}), f"{P}.tiers.0.up_to", "too_small", "above 0"),
    (
        {"rule": "included", "units": "0.00000001", "then": {"rule": "per_unit", "price": "1"}},
        f"{P}.units",
        "too_fine",
        "fewer decimal places",
    ),
    ({"rule": "included", "then": {"rule": "per_unit", "price": "1"}}, P, "included_unclear", "either units"),
    ({"rule": "included", "units": 1}, P, "rule_missing", "then must say how it is priced"),
    ({"rule": "flat", "price": "1", "prorated": "perhaps"}, f"{P}.prorated", "not_a_truth", "true or false"),
    ({"rule": "package", "size": 0, "price": "1"}, f"{P}.size", "too_small", "above 0"),
    ({"rule": "capacity", "price": "1", "weights": {"large": 1}}, P, "dimension_unknown", "another rule"),
    (None, P, "rule_missing", "such as {rule: per_unit"),
]


@pytest.mark.parametrize(
    ("price", "place", "code", "remedy"),
    WRONG_PRICES,
    ids=[f"{c}-{n}" for n, (_, _, c, _) in enumerate(WRONG_PRICES)],
)
def test_a_wrong_price_is_named_with_its_place_and_remedy(
    price: Any, place: str, code: str, remedy: str
) -> None:
    [(found, known, detail)] = of_line(price)
    assert (found, known) == (place, code)
    assert remedy in detail


WRONG_LINES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"meter": "watts"}, "lines.0.meter", "meter_unknown", "choose one of block_storage"),
    ({"unit": "Core-Days"}, "lines.0.unit", "unit_wrong", "measured in Core-Hours, not Core-Days"),
    ({"dimensions": ["large"]}, "lines.0.dimensions", "dimension_unknown", "leave them out"),
    ({"plans": []}, "lines.0.plans", "list_invalid", "leave it out to select all"),
    ({"per": "month"}, "lines.0.per", "scope_unknown", "choose one of tenant, account, runtime"),
    ({"key": "V CPU"}, "lines.0.key", "name_invalid", "lower-case"),
    ({"pirce": "1"}, "lines.0.pirce", "unknown_field", "Remove it"),
]


@pytest.mark.parametrize(
    ("wrong", "place", "code", "remedy"), WRONG_LINES, ids=[c for _, _, c, _ in WRONG_LINES]
)
def test_a_wrong_line_is_named_with_its_place_and_remedy(
    wrong: dict[str, Any], place: str, code: str, remedy: str
) -> None:
    whole = document(line("vcpu", "0.05"))
    whole["lines"][0] |= wrong
    [(found, known, detail)] = faults(whole)
    assert (found, known) == (place, code)
    assert remedy in detail


WRONG_BOOKS: list[tuple[dict[str, Any], str, str, str]] = [
    ({"currency": "Euro"}, "currency", "currency_unknown", "such as EUR"),
    ({"version": 0}, "version", "version_invalid", "1 or higher"),
    ({"effective_from": "2026-02-30"}, "effective_from", "day_invalid", "such as 2026-12-01"),
    ({"effective_from": "2026-06-01T12:00"}, "effective_from", "day_invalid", "begins at 00:00 UTC"),
    ({"effective_to": "2026-01-01"}, "effective_to", "period_empty", "come after"),
    ({"free": ["memory"]}, "lines", "meter_unpriced", "add a line for all of it, or name it under free"),
    ({"free": ["vcpu", "memory", "node", "block_storage", "egress"]}, "free", "meter_twice", "remove one"),
    ({"credit": {"title": "All", "percent": "101"}}, "credit.percent", "too_large", "at most 100"),
    (
        {"credit": {"title": "All", "percent": "100", "limit": "-1"}},
        "credit.limit",
        "too_small",
        "at least 0",
    ),
    ({"bills_inferred": "yes"}, "bills_inferred", "not_a_truth", "true or false"),
    ({"price": 1}, "price", "unknown_field", "Remove it"),
]


@pytest.mark.parametrize(
    ("wrong", "place", "code", "remedy"),
    WRONG_BOOKS,
    ids=[f"{c}-{n}" for n, (_, _, c, _) in enumerate(WRONG_BOOKS)],
)
def test_a_wrong_book_is_named_with_its_place_and_remedy(
    wrong: dict[str, Any], place: str, code: str, remedy: str
) -> None:
    found = faults(document(line("vcpu", "0.05"), **wrong))
    assert (found[0][0], found[0][1]) == (place, code)
    assert all(fault[1] == code for fault in found)
    assert remedy in found[0][2]


def test_every_fault_is_told_at_once() -> None:
    whole = document(line("vcpu", "-1"), line("memory", "NaN", unit="GB"), currency="Euro")
    assert {fault[0] for fault in faults(whole)} == {
        "currency",
        "lines.0.price.price",
        "lines.1.price.price",
        "lines.1.unit",
    }


@pytest.mark.parametrize("nonsense", [None, [], "standard", 7])
def test_what_is_no_book_is_refused(nonsense: Any) -> None:
    assert faults(nonsense)[0][1] == "not_a_book"


def test_a_line_that_can_never_be_reached_is_told() -> None:
    whole = document(line("vcpu", "1"), line("vcpu", "2", key="gold", plans=["gold"]))
    assert [fault[1] for fault in faults(whole)] == ["line_unreachable"]


def test_two_lines_with_one_key_are_told() -> None:
    whole = document(line("vcpu", "1", plans=["gold"]), line("vcpu", "2"))
    assert [(fault[0], fault[1]) for fault in faults(whole)] == [("lines.1.key", "line_twice")]


def test_tiers_count_over_the_tenant_and_plain_prices_for_each_runtime() -> None:
    held = book(line("vcpu", TIERS), line("memory", "1"), line("egress", TIERS, per="account"))
    assert [entry.per for entry in held.lines] == [Scope.TENANT, Scope.RUNTIME, Scope.ACCOUNT]


def test_the_hash_is_of_what_a_book_says_and_not_of_how() -> None:
    one = document(line("vcpu", "1"))
    other = dict(reversed(one.items()))
    assert digest_of(one) == digest_of(other)
    assert digest_of(one) != digest_of(one | {"title": "Other"})


def test_versions_follow_one_another_without_an_overlap() -> None:
    first = book(line("vcpu", "1"), effective_to="2026-06-01")
    touching = book(line("vcpu", "1"), version=2, effective_from="2026-06-01")
    within = book(line("vcpu", "1"), version=2, effective_from="2026-05-31")
    before = book(line("vcpu", "1"), version=2, effective_from="2026-01-01")
    assert check_history([touching, first]) == []
    [(culprit, fault)] = check_history([first, within])
    assert (culprit.version, fault.path, fault.code) == (1, ("effective_to",), "periods_overlap")
    [(culprit, fault)] = check_history([first, before])
    assert (culprit.version, fault.path, fault.code) == (2, ("effective_from",), "periods_overlap")


def test_a_stored_book_may_lack_a_meter_that_came_later() -> None:
    whole = document(line("vcpu", "1"))
    whole["free"].remove("egress")
    assert parse_book(whole, METERS, whole=False).line_for("egress", "", "aws", "") is None
