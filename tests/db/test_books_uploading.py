"""An uploaded price book is looked at first, prices usage once it is activated, and survives the next apply of the files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from inspect import signature
from typing import Any

import pytest

from billing.books import agreeing, ending, services, uploading
from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.books.models import PriceBook, PriceProposal
from billing.books.reading import prices_of
from billing.pricing.periods import month
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.models import AuditEvent
from tests.world import World

pytestmark = pytest.mark.django_db
FINN = Actor("finn", platform_role=PlatformRole.FINOPS)
SHIPPED = (DATA / "standard-1.yaml").read_text()


def second(since: str = "2026-07-01", *, version: int = 2, cores: str = "0.0330") -> str:
    text = SHIPPED.replace("version: 1", f"version: {version}").replace("2026-01-01", since)
    return text.replace("price: 0.0300", f"price: {cores}")


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    apply_prices(actor=SYSTEM)


def refusal(text: str) -> Refused:
    with pytest.raises(Refused) as refused:
        uploading.propose(actor=FINN, text=text)
    return refused.value


def test_a_proposal_prices_nothing_until_it_is_activated_and_then_from_its_day_on() -> None:
    row = uploading.propose(actor=FINN, text=second())
    assert not PriceBook.objects.filter(key="standard", version=2).exists()
    look = uploading.look(row)
    assert sorted(place for place, *_ in look.fields) == ["effective_from", "lines.vcpu.price.tiers.0.price"]
    assert (look.ends, look.refusals) == ((("standard/1", date(2026, 7, 1)),), ())
    made = uploading.activate(actor=FINN, proposal_id=row.pk)
    assert (made.uploaded, made.effective_to) == (True, None)
    assert PriceBook.objects.get(key="standard", version=1).effective_to == date(2026, 7, 1)
    books = [(s.book.key, s.book.version) for s in services.load_market(month(2026, 7)).standing]
    assert ("standard", 2) in books
    assert ("standard", 1) not in books
    trail = (
        AuditEvent.objects.filter(target_type="price_proposal")
        .order_by("id")
        .values_list("action", flat=True)
    )
    assert list(trail) == ["price_proposal.upload", "price_proposal.activate"]


def test_the_files_applied_again_leave_an_uploaded_version_as_it_is() -> None:
    uploading.activate(actor=FINN, proposal_id=uploading.propose(actor=FINN, text=second()).pk)
    assert apply_prices(actor=SYSTEM).changes == ()
    assert PriceBook.objects.get(key="standard", version=2).effective_to is None


def test_what_statements_were_sealed_with_is_not_cut_short() -> None:
    PriceBook.objects.filter(key="standard").update(used_at="2026-08-02T00:00Z", used_until=date(2026, 8, 1))
    row = uploading.propose(actor=FINN, text=second())
    assert "used for statements until 2026-08-01" in uploading.look(row).refusals[0]
    with pytest.raises(Refused) as refused:
        uploading.activate(actor=FINN, proposal_id=row.pk)
    assert (refused.value.code, refused.value.status) == ("prices_used", 409)
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (second(cores="-1"), "price_book_invalid", "Line 16: price is -1, but must be at least 0."),
        ("a: [", "price_book_invalid", "this is not valid YAML"),
        (SHIPPED, "version_taken", "call this one version 2"),
        ("- x", "price_book_invalid", "a price book is a mapping"),
        (
            second(cores="1e400"),
            "price_book_invalid",
            "Line 16: price is 1e400, but must be at most 1,000,000",
        ),
        (second(version=99_999_999_999_999), "price_book_invalid", "Line 3: version is at most 999,999"),
        (
            second().replace("title: ", 'title: "a\\0b" # '),
            "price_book_invalid",
            "Line 4: this text holds U+0000",
        ),
        (second().replace("title: ", f"title: {'x' * 101}"), "price_book_invalid", "at most 100 are kept"),
    ],
)
def test_a_wrong_text_is_refused_with_its_line_and_nothing_is_kept(text: str, code: str, told: str) -> None:
    found = refusal(text)
    assert found.code == code
    assert told in found.detail
    assert not PriceProposal.objects.exists()


def test_what_was_uploaded_before_there_were_bounds_is_refused_as_it_is_activated() -> None:
    row = uploading.propose(actor=FINN, text=second())
    title = "x" * 300
    row.document["title"], row.text = title, row.text.replace("title: ", f"title: {title} # ")
    row.save()
    assert "Line 4: title has 300 characters" in uploading.look(row).refusals[0]
    with pytest.raises(Refused) as refused:
        uploading.activate(actor=FINN, proposal_id=row.pk)
    assert refused.value.code == "price_book_invalid"
    assert "Line 4: title has 300 characters, but at most 100 are kept; shorten it." in refused.value.detail
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.parametrize(
    ("door", "field", "amount", "told"),
    [
        ("credit", "amount", "1e20", "amount must be at most 1,000,000,000,000 EUR"),
        ("commitment", "fee", "1e20", "fee must be at most 1,000,000,000,000 EUR"),
        ("commitment", "units", "1e20", "units must be at most 1,000,000,000,000"),
        ("rate", "rate", "1e9", "A rate is below 1,000,000,000"),
        ("rate", "rate", "1e-13", "at most 12 decimal places"),
    ],
)
def test_nothing_is_agreed_that_no_table_holds(door: str, field: str, amount: str, told: str) -> None:
    world = World()
    given: dict[str, Any] = {
        "tenant": world.archipel,
        "title": "T",
        "currency": "EUR",
        "starts": date(2026, 6, 1),
    }
    doors: dict[str, tuple[Any, dict[str, Any]]] = {
        "credit": (
            agreeing.grant_credit,
            {**given, "amount": Decimal(1), "expires": date(2026, 9, 1), "reason": "x"},
        ),
        "commitment": (
            agreeing.agree_commitment,
            {**given, "meter": "vcpu", "units": Decimal(1), "fee": Decimal(1), "ends": date(2026, 9, 1)},
        ),
        "rate": (
            agreeing.publish_rate,
            {"base": "EUR", "quote": "USD", "since": date(2026, 6, 1), "rate": Decimal(1), "source": "x"},
        ),
    }
    service, fields = doors[door]
    with pytest.raises(Refused) as refused:
        service(actor=FINN, **{**fields, field: Decimal(amount)})
    assert refused.value.errors[0].field == field
    assert told in refused.value.detail


def test_one_version_waits_once_and_is_decided_once() -> None:
    row = uploading.propose(actor=FINN, text=second())
    assert refusal(second(cores="0.04")).code == "proposal_open"
    uploading.withdraw(actor=FINN, proposal_id=row.pk)
    with pytest.raises(Refused, match="withdrawn already"):
        uploading.activate(actor=FINN, proposal_id=row.pk)
    assert uploading.propose(actor=FINN, text=second()).state == "open"


def test_nobody_else_changes_prices() -> None:
    for actor in (Actor("sam", platform_role=PlatformRole.SRE), Actor("alice")):
        with pytest.raises(Refused, match="FinOps"):
            uploading.propose(actor=actor, text=second())
        doors: tuple[Any, ...] = (
            agreeing.agree_contract,
            agreeing.agree_commitment,
            agreeing.grant_credit,
            agreeing.publish_rate,
        )
        for service in doors:
            names = [name for name in signature(service).parameters if name != "actor"]
            with pytest.raises(Refused, match="FinOps"):
                service(actor=actor, **dict.fromkeys(names))


def test_a_tenant_reads_its_prices_with_its_contracts_discount_and_credit() -> None:
    world = World()
    agreeing.agree_contract(
        actor=FINN, tenant=world.archipel, title="Frame", currency="EUR", starts=date(2026, 6, 1),
        discount_percent=Decimal("12.5"),
    )  # fmt: skip
    agreeing.grant_credit(
        actor=FINN, tenant=world.basalt, title="Welcome", currency="EUR", amount=Decimal(5), starts=date(2026, 6, 1),
        expires=date(2026, 9, 1), reason="x",
    )  # fmt: skip
    found = prices_of(world.archipel, month(2026, 6))
    standard = next(held for held in found.held if held.book == "standard")
    cores = next(line for line in standard.lines if line.meter == "vcpu")
    assert "aws" in (standard.plans or ())
    assert next((step.holds, step.amount, step.contracted) for step in cores.steps) == (
        "the first 50,000",
        Decimal("0.03"),
        Decimal("0.02625"),
    )
    assert (found.contract and found.contract.title, found.credits) == ("Frame", ())
    assert [row.title for row in prices_of(world.basalt, month(2026, 6)).credits] == ["Welcome"]


def test_a_credit_ends_earlier_but_not_before_a_month_that_drew_on_it() -> None:
    world = World()
    grant = agreeing.grant_credit(
        actor=FINN, tenant=world.archipel, title="Welcome", currency="EUR", amount=Decimal(5), starts=date(2026, 5, 1),
        expires=date(2026, 12, 1), reason="x",
    )  # fmt: skip
    grant.draws.create(tenant=world.archipel, month=date(2026, 6, 1), amount=1)
    type(grant).objects.filter(pk=grant.pk).update(drawn=1)
    with pytest.raises(Refused, match="let it expire on 2026-07-01 or later"):
        ending.end_credit(actor=FINN, credit_id=grant.pk, expires=date(2026, 6, 15))
    assert ending.end_credit(actor=FINN, credit_id=grant.pk, expires=date(2026, 7, 1)).expires == date(
        2026, 7, 1
    )
    with pytest.raises(Refused, match="expires on 2026-07-01 already"):
        ending.end_credit(actor=FINN, credit_id=grant.pk, expires=date(2026, 12, 1))
