"""Prices by the API: uploaded, looked at, tried on a month that was, activated; agreements and rates; a tenant's own prices."""

from __future__ import annotations

from datetime import date

import pytest

from billing.books.apply import apply_prices
from billing.books.asking import rate_due
from billing.books.loading import DATA
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.services import issue_token
from tests.api.asking import Asking, problem, read
from tests.costing import CORES, day_of, runtime_of
from tests.world import World, member

pytestmark = pytest.mark.django_db
TEXT = (DATA / "standard-1.yaml").read_text().replace("version: 1", "version: 2").replace("0.0300", "0.0330")


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    apply_prices(actor=SYSTEM)


@pytest.fixture
def fiona() -> Asking:
    _, token = issue_token(actor=SYSTEM, name="fiona", platform_role=PlatformRole.FINOPS)
    return Asking(token=token)


def later(text: str) -> str:
    return text.replace("2026-01-01", f"{utcnow().year + 1}-01-01")


def test_a_version_is_uploaded_tried_and_activated_once(world: World, fiona: Asking) -> None:
    today = utcnow().date()
    source = runtime_of(world.shop, born=today.replace(day=1))
    day_of(world.shop, source, today.replace(day=1), {"vcpu": 10 * CORES})
    sent = {"document": later(TEXT)}
    made = read(fiona.post("/prices/proposals", sent, Idempotency_Key="one"))
    assert read(fiona.post("/prices/proposals", sent, Idempotency_Key="one")) == made
    assert {change["place"] for change in made["changes"]} == {
        "effective_from",
        "lines.vcpu.price.tiers.0.price",
    }
    one = f"/prices/proposals/{made['id']}"
    asked = read(fiona.post(f"{one}/what-if", {"month": f"{today:%Y-%m}", "instead_of": "standard"}))
    assert (asked["state"], asked["rated"], asked["sums"]) == ("waiting", 0, [])
    assert (asked["book"], asked["proposal"]) == ("standard/2", made["id"])
    by_book = read(fiona.post("/prices/books/standard/1/what-if", {"month": f"{today:%Y-%m}"}))
    assert (by_book["book"], by_book["proposal"]) == ("standard/1", None)
    assert rate_due() == 2
    answered = read(fiona.get(f"/prices/what-if/{asked['id']}"))
    assert (answered["state"], answered["rated"], answered["tenants"]) == ("done", 1, 1)
    assert answered["sums"] == [{"currency": "EUR", "before": "7.20", "after": "7.92", "change": "0.72"}]
    [found] = read(fiona.get(f"/prices/what-if/{asked['id']}/tenants"))["results"]
    assert (found["tenant"], found["before"], found["change"]) == ("archipel", "7.20", "0.72")
    assert found["moved"] == [{"meter": "vcpu", "dimension": "", "change": "0.72"}]
    book = read(fiona.post(f"{one}/activate"))
    assert (book["book"], book["uploaded"], book["plans"][0]) == ("standard/2", True, "aws")
    assert problem(fiona.delete(one)) == (409, "proposal_closed")
    difference = read(fiona.get("/prices/books/standard/2/difference"))
    assert (difference["before"], len(difference["changes"])) == ("standard/1", 2)
    books = read(fiona.get("/prices/books?limit=2"))
    rest = read(fiona.get(books["next"]))
    assert [row["book"] for row in books["results"] + rest["results"]] == [
        "kyma-capacity-units/1",
        "standard/1",
        "standard/2",
        "trial/1",
    ]


def test_a_wrong_text_is_answered_with_every_line(fiona: Asking) -> None:
    answer = fiona.post("/prices/proposals", {"document": TEXT.replace("Core-Hours", "Cores") + "extra: 1\n"})
    body = read(answer)
    assert problem(answer) == (422, "price_book_invalid")
    places = {error["detail"].partition(":")[0] for error in body["errors"]}
    assert places == {"Line 11", f"Line {len(TEXT.splitlines()) + 1}"}


def test_agreements_are_agreed_listed_and_ended(world: World, fiona: Asking) -> None:
    year = utcnow().year + 1
    wish = {
        "tenant": "archipel",
        "title": "Frame",
        "currency": "EUR",
        "starts": f"{year}-01-01",
        "discount_percent": "10",
    }
    contract = read(fiona.post("/agreements/contracts", wish))
    assert problem(fiona.post("/agreements/contracts", wish)) == (409, "contract_overlaps")
    assert problem(fiona.post("/agreements/contracts", {**wish, "starts": f"{year}-02-30"})) == (
        422,
        "day_invalid",
    )
    ended = read(fiona.post(f"/agreements/contracts/{contract['id']}/end", {"ends": f"{year + 1}-01-01"}))
    assert (ended["discount_percent"], ended["ends"]) == ("10", f"{year + 1}-01-01")
    assert [row["id"] for row in read(fiona.get("/agreements/contracts?tenant=archipel"))["results"]] == [
        contract["id"]
    ]
    assert read(fiona.get("/agreements/contracts?tenant=basalt"))["results"] == []
    rate = {"base": "USD", "quote": "EUR", "since": f"{year}-01-01", "rate": "0.9215", "source": "ECB"}
    assert read(fiona.post("/prices/exchange-rates", rate))["rate"] == "0.9215"
    assert problem(fiona.post("/prices/exchange-rates", rate)) == (409, "rate_fixed")


def test_a_tenant_reads_its_own_prices_and_nobody_elses_agreements(world: World) -> None:
    asking = Asking(member("dora", world.archipel, Role.DEVELOPER))
    found = read(asking.get("/prices"))
    assert (found["tenant"], found["currency"], found["contract"]) == ("archipel", "EUR", None)
    standard = next(book for book in found["books"] if book["book"] == "standard/1")
    assert {"aws", "azure"} <= set(standard["plans"])
    [cores] = [line for line in standard["lines"] if line["meter"] == "vcpu"]
    assert cores["steps"][0] == {
        "holds": "the first 50,000", "amount": "0.03", "contracted_amount": None, "per": "a Core-Hour",
    }  # fmt: skip
    assert problem(asking.get("/prices/books")) == (403, "forbidden")
    assert problem(asking.get("/prices?tenant=basalt")) == (404, "tenant_not_found")
    assert date.fromisoformat(standard["start"][:10]).day == 1
