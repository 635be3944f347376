"""The guard against another tenant's ids (IDOR), in bodies, queries and cursors; paths are tried elsewhere, all of them."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.console.visitor import TENANT_IN_SESSION
from controlplane.tenants.models import ApiToken
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.matrix import things_of, written
from tests.signed_in import browse, present, text
from tests.world import World

pytestmark = pytest.mark.django_db


def test_nothing_is_ordered_in_another_tenants_account(bob: Asking, world: World) -> None:
    for account in (str(world.shop.id), "shop"):
        assert problem(bob.post("/runtimes", {**WISH, "account": account})) == (422, "account_unknown")
    assert problem(bob.post("/runtimes", {**WISH, "tenant": "archipel"})) == (403, "forbidden")
    assert not Runtime.objects.exists()


def test_no_filter_reaches_into_another_tenant(alice: Asking, bob: Asking, world: World) -> None:
    theirs = alice.order()["runtime"]
    for query in (
        f"account={world.shop.id}", "account=shop", "tenant=archipel", f"q={theirs['name']}", f"q={theirs['id']}",
    ):  # fmt: skip
        answer = bob.get(f"/runtimes?{query}")
        assert answer.status_code in {200, 400, 404, 422}
        assert theirs["id"] not in answer.content.decode()
    assert read(bob.get(f"/operations?runtime={theirs['id']}"))["results"] == []


def test_another_tenants_cursor_leads_nowhere_of_theirs(alice: Asking, bob: Asking) -> None:
    theirs = [alice.order(name=f"r{number}")["runtime"]["id"] for number in range(3)]
    following = read(alice.get("/runtimes?limit=1"))["next"]
    answer = bob.get(following)
    assert read(answer)["results"] == []
    assert not [one for one in theirs if one in answer.content.decode()]


def test_no_token_is_made_for_another_tenants_service_account(bob: Asking, world: World) -> None:
    things = things_of(world)
    before = written()
    wish = {"name": "ci", "service_account": things["service_account"]}
    answer = bob.post("/tokens", wish)
    assert answer.status_code in {404, 422}, answer.content
    assert written() == before


def test_nobody_chooses_a_tenant_that_is_not_theirs(world: World, alice: Asking) -> None:
    theirs = alice.order(name="secret-shop")
    present(world.main)
    browser = browse(world.bob)
    browser.post("/tenant", {"tenant": "archipel"})
    assert "secret-shop" not in text(browser.get("/"))
    session: Any = browser.session
    session[TENANT_IN_SESSION] = "archipel"  # as if the guard of that form had failed
    session.save()
    assert "secret-shop" not in text(browser.get("/"))
    assert browser.get(f"/runtimes/{theirs['runtime']['id']}/").status_code == 404


def test_a_foreign_id_and_one_that_nobody_has_get_the_same_answer(bob: Asking, world: World) -> None:
    things = things_of(world)
    nobodys = "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41"
    for noun, name in (
        ("runtimes", "runtime"), ("operations", "operation"), ("accounts", "account"), ("members", "member"),
        ("invitations", "invitation"), ("tokens", "token"), ("service-accounts", "service_account"),
    ):  # fmt: skip
        answers = []
        for found in (things[name], nobodys):
            body = read(bob.get(f"/{noun}/{found}"))
            body.pop("request_id")
            answers.append(str(body).replace(found, "…"))
        assert answers[0] == answers[1], noun
    assert ApiToken.objects.filter(tenant=world.archipel).exists()
