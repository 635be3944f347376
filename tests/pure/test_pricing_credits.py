"""Credits are drawn in order and never beyond what was granted; what a book gives back by itself has its limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.rating import rate
from billing.pricing.types import Category, Given, Grant, Rated
from tests.priced import JUNE, book, cores, exact, line, parted, rates, terms

DAY = timedelta(days=1)


def grant(
    name: str,
    remaining: str,
    *,
    starts: datetime = JUNE.start,
    expires: datetime = JUNE.end + DAY,
    currency: str = "EUR",
) -> Grant:
    amount = Decimal(remaining)
    return Grant(name, f"Credit {name}", currency, amount, amount, starts, expires)


def rated(hours: float, *grants: Grant, **more: Any) -> Rated:
    """So many core hours at one euro each."""
    return rate([cores(hours)], terms(book(line("vcpu", "1")), grants=grants, **more))


def test_a_credit_is_a_line_of_its_own_beside_the_charge_it_covers() -> None:
    found = rated(10, grant("g1", "4"))
    usage, credit = found.lines
    assert usage.billed_cost == 10
    assert (credit.category, credit.credit, credit.runtime, credit.meter) == (
        Category.CREDIT,
        "g1",
        "r1",
        "vcpu",
    )
    costs = {credit.list_cost, credit.contracted_cost, credit.billed_cost, credit.effective_cost}
    assert costs == {Decimal("-4.00")}
    assert found.billed == 6


def test_what_expires_first_is_drawn_first() -> None:
    early, late = grant("z", "4", expires=JUNE.end), grant("a", "4", expires=JUNE.end + 30 * DAY)
    drawn = {entry.grant: entry for entry in rated(5, late, early).drawn}
    assert exact(drawn["z"].drawn, drawn["a"].drawn) == (4, 1)
    assert exact(drawn["a"].remaining, drawn["a"].expired) == (3, 0)


def test_what_is_left_when_a_credit_expires_is_gone() -> None:
    [drawn] = rated(1, grant("g", "4", expires=JUNE.end)).drawn
    assert exact(drawn.drawn, drawn.expired, drawn.remaining) == (1, 3, 0)


def test_a_credit_covers_nothing_before_it_starts_or_after_it_expires() -> None:
    held = grant("g", "1000", starts=JUNE.start + 10 * DAY, expires=JUNE.start + 20 * DAY)
    found = rated(30, held)
    credited = [entry for entry in found.lines if entry.category is Category.CREDIT]
    assert [exact(entry.start, entry.end, entry.billed_cost) for entry in credited] == [
        (held.starts, held.expires, -10)
    ]


def test_a_credit_in_another_currency_is_drawn_at_the_rate_of_the_months_first_day() -> None:
    known = rates(("USD", "EUR", JUNE.start, "0.9"))
    found = rated(5, grant("g", "10", currency="USD"), rates=known)
    [drawn] = found.drawn
    assert found.billed == 0
    assert exact(drawn.drawn_billed, drawn.drawn, drawn.remaining) == (5, Decimal("5.56"), Decimal("4.44"))


def test_a_credit_without_a_rate_is_told_and_draws_nothing() -> None:
    found = rated(5, grant("g", "10", currency="USD"))
    assert found.billed == 5
    assert "Credit Credit g: There is no exchange rate from USD to EUR" in found.problems[0].detail


MONEY = st.integers(1, 10_000).map(lambda cents: Decimal(cents) / 100)
GRANTS = st.lists(
    st.tuples(MONEY, st.integers(-5, 25), st.integers(1, 40), st.sampled_from(["EUR", "USD"])), max_size=5
)


@given(GRANTS, st.integers(0, 20_000), st.sampled_from(["0.9137", "1", "1.25"]))
def test_a_balance_is_never_negative_and_every_cent_of_it_is_accounted_for(
    made: list[tuple[Decimal, int, int, str]], millicores: int, dollar: str
) -> None:
    grants = [
        grant(
            f"g{n}",
            str(amount),
            starts=JUNE.start + since * DAY,
            expires=JUNE.start + (since + days) * DAY,
            currency=unit,
        )
        for n, (amount, since, days, unit) in enumerate(made)
    ]
    found = rated(millicores / 100, *grants, rates=rates(("USD", "EUR", JUNE.start, dollar)))
    assert found.billed >= 0
    assert not found.problems
    credited = -sum(entry.billed_cost for entry in found.lines if entry.category is Category.CREDIT)
    assert credited == sum(entry.drawn_billed for entry in found.drawn)
    for entry in found.drawn:
        assert min(entry.drawn, entry.expired, entry.remaining) >= 0
        assert entry.drawn + entry.expired + entry.remaining == entry.before


TRIAL = {"title": "Trial", "percent": 100, "limit": "50"}


def test_a_trial_is_priced_and_given_back_whole_up_to_its_limit() -> None:
    held = book(line("vcpu", "1"), credit=TRIAL)
    within = rate([cores(30), cores(15, runtime="r2")], terms(held))
    assert within.billed == 0
    assert sum(entry.billed_cost for entry in within.lines if entry.category is Category.USAGE) == 45
    beyond = rate([cores(30), cores(35, runtime="r2")], terms(held))
    assert beyond.billed == 15


def test_a_book_gives_a_share_back_without_a_limit() -> None:
    held = book(line("vcpu", "1"), credit={"title": "Half price", "percent": "50"})
    assert rate([cores(0.25)], terms(held)).billed == Decimal("0.13")  # 12.5 cents are rounded to the even 12


def test_a_trials_limit_holds_for_both_versions_of_its_book() -> None:
    at = JUNE.start + 10 * DAY
    first, second = (book(line("vcpu", "1"), credit=TRIAL, version=number) for number in (1, 2))
    found = rate([cores(40, end=at), cores(40, start=at)], parted(first, second, at))
    assert found.billed == 30


def test_the_books_own_credit_comes_before_any_grant() -> None:
    held = book(line("vcpu", "1"), credit=TRIAL)
    found = rate([cores(60)], terms(held, grants=(grant("g", "100"),)))
    assert found.billed == 0
    assert found.drawn[0].drawn == 10


def given_back(found: Rated) -> Decimal:
    return -sum((entry.billed_cost for entry in found.lines if entry.credit == "test"), Decimal(0))


@given(st.lists(st.integers(0, 4000), max_size=8), st.sampled_from(["100", "50", "33.3"]))
def test_a_trials_limit_is_carried_over_all_of_its_months_and_counted_once(
    months: list[int], percent: str
) -> None:
    held = book(line("vcpu", "1"), credit={**TRIAL, "percent": percent})
    taken = wanted = Decimal(0)
    for cents in months:
        found = rate([cores(cents / 100)], terms(held, given=(Given("test", "EUR", taken),)))
        whole = rate(
            [cores(cents / 100)],
            terms(book(line("vcpu", "1"), credit={**TRIAL, "percent": percent, "limit": "9999"})),
        )
        wanted += given_back(whole)
        taken += given_back(found)
        assert taken == min(wanted, Decimal(50))


def test_what_was_given_in_another_currency_counts_at_the_months_rate_and_without_one_is_told() -> None:
    held = book(line("vcpu", "1"), credit=TRIAL)
    before = (Given("test", "USD", Decimal("33.333")), Given("other", "EUR", Decimal(50)))
    known = rates(("USD", "EUR", JUNE.start, "0.9"))
    assert (
        given_back(rate([cores(60)], terms(held, given=before, rates=known))) == 20
    )  # 30.00 and not 29.9997 is gone
    assert rate([cores(60)], terms(held, given=before)).problems[0].code == "rate_missing"
