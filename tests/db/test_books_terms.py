"""What a tenant's month is rated with: plans' books by day, contracts, rates, credits, commitments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.books import agreeing, services
from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.books.models import (
    Commitment,
    Contract,
    CreditDraw,
    CreditGrant,
    ExchangeRate,
    PlanPrices,
    PriceBook,
)
from billing.pricing.periods import month
from billing.pricing.rating import rate
from billing.pricing.types import Category, Rated, UsageItem
from billing.usage.models import Sealed
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import AuditEvent
from tests.world import World

pytestmark = pytest.mark.django_db

JUNE = month(2026, 6)
FIRST, LAST = date(2026, 6, 1), date(2026, 7, 1)
CORE_HOUR = 1000 * 3600


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    apply_prices(actor=SYSTEM)


@pytest.fixture
def world() -> World:
    return World()


def cores(hours: int, *, plan: str = "aws") -> UsageItem:
    seconds = JUNE.seconds
    return UsageItem(
        "a", "r", plan, "eu-central-1", "vcpu", "", JUNE.start, JUNE.end, hours * CORE_HOUR, seconds, seconds
    )


def test_what_begins_in_a_sealed_month_is_refused_with_what_to_do_instead(world: World) -> None:
    Sealed.objects.create(tenant=world.archipel, month=FIRST)
    for agree in (lambda: contract(world), lambda: commit(world)):
        with pytest.raises(Refused) as caught:
            agree()
        assert (caught.value.code, caught.value.status) == ("months_sealed", 409)
        assert "Begin on 2026-07-01 or later" in caught.value.detail
    assert contract(world, starts=LAST).starts == LAST


def second_version(folder: Path, since: str) -> None:
    text = (DATA / "standard-1.yaml").read_text()
    (folder / "standard-1.yaml").write_text(text)
    changed = (
        text.replace("version: 1", "version: 2").replace("2026-01-01", since).replace("0.0300", "0.0400")
    )
    (folder / "standard-2.yaml").write_text(changed)
    (folder / "trial-1.yaml").write_text((DATA / "trial-1.yaml").read_text())
    apply_prices(actor=SYSTEM, directory=folder)


def contract(world: World, **more: Any) -> Contract:
    given: dict[str, Any] = {"title": "Frame", "currency": "EUR", "starts": FIRST, **more}
    return agreeing.agree_contract(actor=SYSTEM, tenant=world.archipel, **given)


def credit(
    world: World, amount: str = "10", *, starts: date = FIRST, expires: date = date(2026, 12, 1)
) -> CreditGrant:
    return agreeing.grant_credit(
        actor=SYSTEM,
        tenant=world.archipel,
        title="Welcome",
        currency="EUR",
        amount=Decimal(amount),
        starts=starts,
        expires=expires,
        reason="A good start.",
    )


def rated(world: World, *items: UsageItem) -> Rated:
    found = rate(items, services.terms(world.archipel, JUNE))
    assert not found.problems
    return found


def test_each_plan_is_priced_by_the_book_it_names(world: World) -> None:
    found = rated(world, cores(100), cores(100, plan="trial"))
    assert found.billed == Decimal("3.00")
    assert {(line.plan, line.book) for line in found.lines if line.category is Category.USAGE} == {
        ("aws", "standard"),
        ("trial", "trial"),
    }


def test_a_month_is_cut_where_the_next_version_begins(world: World, tmp_path: Path) -> None:
    second_version(tmp_path, "2026-06-11")
    at = datetime(2026, 6, 11, tzinfo=UTC)
    spans = [
        (held.start, held.end, held.book.version)
        for held in services.segments(world.archipel, JUNE)
        if held.book.key == "standard"
    ]
    assert spans == [(JUNE.start, at, 1), (at, JUNE.end, 2)]
    assert {held.book.version for held in services.segments(world.archipel, month(2026, 7))} == {1, 2}


@pytest.mark.parametrize(("since", "versions"), [("2026-06-01", [2]), ("2026-07-01", [1])])
def test_a_version_that_begins_with_a_month_cuts_none(
    world: World, tmp_path: Path, since: str, versions: list[int]
) -> None:
    second_version(tmp_path, since)
    found = [
        held.book.version for held in services.segments(world.archipel, JUNE) if held.book.key == "standard"
    ]
    assert found == versions


def test_a_contract_gives_a_discount_and_leaves_other_tenants_alone(world: World) -> None:
    contract(world, discount_percent=Decimal("25"))
    assert rated(world, cores(100)).billed == Decimal("2.25")
    assert rate([cores(100)], services.terms(world.basalt, JUNE)).billed == Decimal("3.00")


def test_a_contract_for_one_plan_leaves_the_others(world: World) -> None:
    contract(world, discount_percent=Decimal("50"), plans=["aws"])
    found = rated(world, cores(100), cores(100, plan="gcp"))
    assert {line.plan: line.billed_cost for line in found.lines} == {
        "aws": Decimal("1.50"),
        "gcp": Decimal("3.00"),
    }


def test_a_contract_may_have_a_book_of_its_own_in_dollars(world: World, tmp_path: Path) -> None:
    text = (DATA / "standard-1.yaml").read_text()
    text = text.replace("key: standard", "key: archipel").replace("currency: EUR", "currency: USD")
    (tmp_path / "archipel-1.yaml").write_text(text.replace("price: 0.0300", "price: 0.0200"))
    apply_prices(actor=SYSTEM, directory=tmp_path)
    contract(world, book="archipel", currency="USD")
    found = rated(world, cores(100), cores(100, plan="trial"))
    assert (found.currency, found.billed) == ("USD", Decimal("4.00"))
    assert {line.book for line in found.lines} == {"archipel"}


def test_a_contract_in_another_currency_than_the_book_needs_a_rate(world: World) -> None:
    contract(world, currency="CHF")
    missing = rate([cores(100)], services.terms(world.archipel, JUNE))
    assert {problem.code for problem in missing.problems} == {"rate_missing"}
    agreeing.publish_rate(
        actor=SYSTEM, base="EUR", quote="CHF", since=FIRST, rate=Decimal("0.95"), source="ECB reference rates"
    )
    assert rated(world, cores(100)).billed == Decimal("2.85")


def test_a_contract_holds_from_its_first_month_until_before_its_end(world: World) -> None:
    agreed = contract(world, discount_percent=Decimal("50"), starts=date(2026, 7, 1))
    agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=date(2026, 8, 1))
    discounts = [
        services.segments(world.archipel, month(2026, number))[0].discount_percent for number in (6, 7, 8)
    ]
    assert discounts == [0, 50, 0]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"currency": "Euro"}, "currency_unknown"),
    ({"starts": date(2026, 6, 2)}, "not_a_month"),
    ({"ends": date(2026, 6, 1)}, "period_empty"),
    ({"book": "gold"}, "book_unknown"),
    ({"plans": ["gold"]}, "plan_unknown"),
    ({"discount_percent": Decimal(101)}, "discount_invalid"),
    ({"discount_percent": Decimal("NaN")}, "discount_invalid"),
]


@pytest.mark.parametrize(("wrong", "code"), WRONG, ids=[f"{code}-{n}" for n, (_, code) in enumerate(WRONG)])
def test_a_contract_that_can_not_be_is_refused_and_nothing_is_written(
    world: World, wrong: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        contract(world, **wrong)
    assert refused.value.code == code
    assert not Contract.objects.exists()


def test_two_contracts_at_once_are_refused(world: World) -> None:
    contract(world)
    with pytest.raises(Refused, match="Another contract of this tenant holds") as refused:
        contract(world, starts=date(2026, 9, 1))
    assert (refused.value.code, refused.value.status) == ("contract_overlaps", 409)


def test_everything_agreed_leaves_a_row_in_the_trail(world: World) -> None:
    agreed = contract(world)
    agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=LAST)
    credit(world)
    commit(world)
    actions = AuditEvent.objects.filter(tenant=world.archipel).values_list("action", flat=True)
    assert {"contract.agree", "contract.end", "credit.grant", "commitment.agree"} <= set(actions)


def commit(world: World, **more: Any) -> Commitment:
    given: dict[str, Any] = {"meter": "vcpu", "units": Decimal(40), "fee": Decimal(1), **more}
    return agreeing.agree_commitment(
        actor=SYSTEM, tenant=world.archipel, title="Forty", currency="EUR", starts=FIRST, ends=LAST, **given
    )


def test_a_commitment_covers_what_it_says(world: World) -> None:
    commit(world)
    assert rated(world, cores(100)).billed == 1 + 60 * Decimal("0.03")
    assert not services.terms(world.archipel, month(2026, 7)).commitments


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"meter": "watts"}, "meter_unknown"),
        ({"meter": "node"}, "meter_free"),
        ({"dimension": "large"}, "dimension_unknown"),
        ({"units": Decimal(0)}, "units_invalid"),
        ({"units": Decimal("NaN")}, "units_invalid"),
        ({"fee": Decimal("-1")}, "amount_invalid"),
        ({"fee": Decimal("0.001")}, "amount_invalid"),
    ],
)
def test_a_commitment_that_can_not_be_is_refused(world: World, wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        commit(world, **wrong)
    assert refused.value.code == code


def sealed(world: World, *items: UsageItem) -> Rated:
    terms = services.terms(world.archipel, JUNE)
    found = rate(items, terms)
    services.note_use(tenant=world.archipel, terms=terms, rated=found)
    return found


def test_a_sealed_month_draws_its_credit_once_and_is_rated_again_as_it_was(world: World) -> None:
    given = credit(world)
    first = sealed(world, cores(100))
    assert first.billed == 0
    assert sealed(world, cores(100)) == first
    given.refresh_from_db()
    assert given.drawn == 3
    july = services.terms(world.archipel, month(2026, 7))
    assert [held.remaining for held in july.grants] == [7]


def test_a_credit_that_another_month_emptied_meanwhile_is_not_drawn_twice(world: World) -> None:
    given = credit(world, "4")
    terms = services.terms(world.archipel, JUNE)
    found = rate([cores(100)], terms)
    CreditGrant.objects.filter(pk=given.pk).update(drawn=2)
    with pytest.raises(Refused, match="rate this month again") as refused, transaction.atomic():
        services.note_use(tenant=world.archipel, terms=terms, rated=found)
    assert refused.value.code == "credit_short"
    assert not CreditDraw.objects.exists()


def test_postgresql_itself_refuses_a_negative_balance(world: World) -> None:
    given = credit(world)
    with pytest.raises(IntegrityError, match="balance"), transaction.atomic():
        CreditGrant.objects.filter(pk=given.pk).update(drawn=11)


def test_only_what_priced_a_line_counts_as_used(world: World) -> None:
    sealed(world, cores(100))
    used = dict(PriceBook.objects.values_list("key", "used_until"))
    assert used == {"standard": LAST, "trial": None, "kyma-capacity-units": None}


def test_a_rate_that_a_statement_was_sealed_with_is_fixed(world: World) -> None:
    contract(world, currency="CHF")
    publish: dict[str, Any] = {"actor": SYSTEM, "base": "EUR", "quote": "CHF", "source": "ECB"}
    agreeing.publish_rate(since=FIRST, rate=Decimal("0.95"), **publish)
    sealed(world, cores(100))
    for since in (FIRST, date(2026, 6, 15)):
        with pytest.raises(Refused, match="add one that holds from a later day") as refused:
            agreeing.publish_rate(since=since, rate=Decimal("0.90"), **publish)
        assert refused.value.status == 409
    for change in ({"rate": Decimal("0.9")}, {"since": date(2026, 5, 1)}, {"used_until": FIRST}):
        with pytest.raises(IntegrityError, match="was used for statements"), transaction.atomic():
            ExchangeRate.objects.update(**change)
    with pytest.raises(IntegrityError, match="was used for statements"), transaction.atomic():
        ExchangeRate.objects.all().delete()
    agreeing.publish_rate(since=LAST, rate=Decimal("0.90"), **publish)
    assert rated(world, cores(100)).billed == Decimal("2.85")


def test_without_prices_the_remedy_is_told(world: World) -> None:
    PlanPrices.objects.all().delete()
    with pytest.raises(Refused, match=r"No prices hold in June 2026; the platform.s team has to load"):
        services.terms(world.archipel, JUNE)


def test_a_thousand_tenants_take_as_many_statements_as_one(world: World) -> None:
    market = services.load_market(JUNE)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        found = services.terms_of([world.archipel.id, *(uuid4() for _ in range(999))], JUNE, market=market)
    assert len(found) == 1000
    assert len([query for query in captured if "books_" in query["sql"]]) == 3


def test_a_tenant_sees_its_own_agreements_only(world: World) -> None:
    contract(world)
    given = credit(world)
    commit(world)
    CreditDraw.objects.create(tenant=world.archipel, grant=given, month=FIRST, amount=1)
    tables = (Contract, CreditGrant, Commitment, CreditDraw)
    with tenant_scope(world.basalt.id):
        assert [table.objects.count() for table in tables] == [0, 0, 0, 0]
    with tenant_scope(world.archipel.id):
        assert [table.objects.count() for table in tables] == [1, 1, 1, 1]


def test_a_leap_day_is_a_day_of_its_month(world: World) -> None:
    leap = month(2028, 2)
    [held] = {(part.start, part.end) for part in services.segments(world.archipel, leap)}
    assert held[1] - held[0] == timedelta(days=29)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (Contract, {"discount_percent": 90}),
        (Contract, {"used_until": None}),
        (Contract, {"starts": date(2026, 1, 1)}),
        (Commitment, {"fee": 0}),
        (Commitment, {"units": 1}),
        (CreditGrant, {"amount": 1000}),
        (CreditGrant, {"drawn": 0}),
        (CreditGrant, {"expires": date(2030, 1, 1)}),
        (CreditDraw, {"amount": 1}),
    ],
)
def test_postgresql_itself_refuses_to_change_what_a_statement_was_sealed_with(
    world: World, table: Any, change: dict[str, Any]
) -> None:
    contract(world)
    commit(world)
    credit(world)
    sealed(world, cores(100))
    with pytest.raises(IntegrityError, match="was used for statements"), transaction.atomic():
        table.objects.update(**change)
    with pytest.raises(IntegrityError, match="was used for statements"), transaction.atomic():
        table.objects.all()._raw_delete(using="default")


def test_a_used_contract_ends_no_earlier_than_it_was_used(world: World) -> None:
    agreed = contract(world, starts=date(2026, 5, 1))
    sealed(world, cores(100))
    with pytest.raises(Refused, match="sealed with it until 2026-07-01") as refused:
        agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=FIRST)
    assert refused.value.code == "contract_used"
    assert agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=LAST).ends == LAST


def test_a_contracts_end_comes_sooner_but_never_later(world: World) -> None:
    agreed = contract(world, starts=date(2026, 5, 1), ends=date(2027, 1, 1))
    sealed(world, cores(100))
    for later in (date(2027, 1, 1), date(2027, 2, 1)):
        with pytest.raises(Refused, match="give an earlier month") as refused:
            agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=later)
        assert refused.value.code == "contract_ended"
    with pytest.raises(Refused, match="first of a month"):
        agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=date(2026, 9, 2))
    with pytest.raises(Refused, match="sealed with it until 2026-07-01"):
        agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=FIRST)
    assert agreeing.end_contract(actor=SYSTEM, contract_id=agreed.id, ends=LAST).ends == LAST
    told = AuditEvent.objects.filter(action="contract.end").latest("id").changes
    assert (told["ends"], told["ended_before"]) == (LAST.isoformat(), "2027-01-01")
    # What begins then is free for another contract.
    contract(world, starts=LAST)
