"""Accounts, plans, regions and the index."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from billing.books.apply import apply_prices
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.models import Account
from tests.api.asking import Asking, problem, read
from tests.world import World, member

pytestmark = pytest.mark.django_db


def test_an_admin_creates_an_account(alice: Asking, world: World) -> None:
    response = alice.post("/accounts", {"slug": "labor", "name": "Labor"})
    assert response.status_code == 201
    assert read(alice.get(response["Location"])) == read(response)
    assert read(alice.get("/accounts/labor")) == read(response)
    assert Account.objects.get(slug="labor").tenant == world.archipel


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER, Role.FINANCE])
def test_nobody_else_creates_accounts(world: World, role: Role) -> None:
    asking = Asking(member(f"a-{role}", world.archipel, role))
    assert problem(asking.post("/accounts", {"slug": "labor", "name": "Labor"})) == (403, "forbidden")
    assert not Account.objects.filter(slug="labor").exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"slug": "shop", "name": "Again"}, 409, "slug_taken"),
        ({"slug": "No", "name": "x"}, 422, "slug_invalid"),
        ({"slug": "fine", "name": ""}, 422, "too_short"),
        ({"slug": "fine"}, 422, "required_field"),
        ({"slug": "fine", "name": "x", "colour": "red"}, 422, "unknown_field"),
        ({"slug": "fine", "name": "x", "tenant": "basalt"}, 403, "forbidden"),
    ],
)
def test_a_wrong_account_is_refused(alice: Asking, body: object, status: int, code: str) -> None:
    assert problem(alice.post("/accounts", body)) == (status, code)


def test_accounts_of_others_are_not_there(bob: Asking, world: World) -> None:
    assert [account["slug"] for account in read(bob.get("/accounts"))["results"]] == ["main"]
    for name in ("shop", str(world.shop.id)):
        assert problem(bob.get(f"/accounts/{name}")) == (404, "account_not_found")


def test_the_platforms_team_names_the_tenant_where_a_slug_is_common(
    sam: Asking, alice: Asking, bob: Asking
) -> None:
    for asking in (alice, bob):
        asking.post("/accounts", {"slug": "common", "name": "Common"})
    assert problem(sam.get("/accounts/common")) == (400, "tenant_required")
    assert read(sam.get("/accounts/common?tenant=basalt"))["tenant"] == "basalt"


def test_plans_are_listed_in_their_order(vera: Asking) -> None:
    keys = [plan["key"] for plan in read(vera.get("/plans"))["results"]]
    assert {"trial", "free", "aws", "azure", "gcp"} <= set(keys)


def test_a_plan_carries_the_schema_that_its_parameters_are_checked_by(vera: Asking) -> None:
    plan = read(vera.get("/plans/aws"))
    Draft202012Validator.check_schema(plan["schema"])
    assert not list(Draft202012Validator(plan["schema"]).iter_errors({"region": "eu-central-1"}))
    assert "region" in plan["schema"]["properties"]
    assert "region" not in plan["update_schema"]["properties"]


def test_an_unknown_plan_comes_with_the_nearest(vera: Asking) -> None:
    response = vera.get("/plans/awss")
    assert problem(response) == (404, "plan_not_found")
    assert "Did you mean aws?" in read(response)["detail"]


def test_regions_say_which_plans_offer_them(vera: Asking) -> None:
    regions = {region["name"]: region for region in read(vera.get("/regions"))["results"]}
    assert "aws" in regions["eu-central-1"]["plans"]


def test_the_index_leads_everywhere(alice: Asking) -> None:
    apply_prices(actor=SYSTEM)
    links = read(Asking().get("/"))
    answers = {noun: alice.get(link).status_code for noun, link in links.items() if noun != "docs"}
    # Sessions are of people, and nobody signed in with this token; rollouts are the platform's team's.
    assert answers == dict.fromkeys(answers, 200) | {"sessions": 403, "rollouts": 403}
