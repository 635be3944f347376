"""Tenants and accounts are suspended, resumed and deleted by the API; each answer says how far their runtimes are."""

from __future__ import annotations

import pytest

from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.services import issue_token
from tests.api.asking import WISH, Asking, problem, read
from tests.world import World, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def paula() -> Asking:
    _, token = issue_token(actor=SYSTEM, name="paula", platform_role=PlatformRole.ADMIN)
    return Asking(token=token)


def test_a_platform_admin_suspends_and_resumes_a_tenant(alice: Asking, paula: Asking) -> None:
    alice.order()
    answer = read(paula.post("/tenants/archipel/suspend", {"reason": "payment", "note": "Invoice 4711."}))
    assert (answer["state"], answer["reason"], answer["runtimes"]["total"]) == ("suspended", "payment", 1)
    assert read(alice.get("/tenants/archipel/standing"))["note"] == "Invoice 4711."
    assert problem(alice.post("/runtimes", {**WISH, "name": "b"})) == (
        403,
        "tenant_suspended",
    )
    assert read(paula.post("/tenants/archipel/resume"))["state"] == "active"
    assert problem(paula.post("/tenants/archipel/resume")) == (409, "not_suspended")


def test_an_admin_suspends_an_account_of_their_own_wish_only(alice: Asking) -> None:
    assert problem(alice.post("/accounts/shop/suspend", {"reason": "abuse"})) == (403, "forbidden")
    assert read(alice.post("/accounts/shop/suspend"))["state"] == "suspended"
    assert read(alice.post("/accounts/shop/resume"))["state"] == "active"


def test_a_deletion_wants_the_slug_typed_and_can_be_undone(alice: Asking) -> None:
    wrong = alice.post("/accounts/shop/deletion", {"confirm": "lab"})
    assert problem(wrong) == (422, "confirmation_wrong")
    answer = read(alice.post("/accounts/shop/deletion", {"confirm": "shop"}))
    assert answer["state"] == "suspended"
    assert answer["delete_after"]
    assert read(alice.delete("/accounts/shop/deletion"))["delete_after"] is None
    assert problem(alice.delete("/accounts/shop/deletion")) == (409, "deletion_not_scheduled")


def test_only_owners_delete_their_tenant(alice: Asking, world: World) -> None:
    olga = Asking(member("olga", world.archipel, Role.OWNER))
    assert problem(alice.post("/tenants/archipel/deletion", {"confirm": "archipel"})) == (403, "forbidden")
    assert read(olga.post("/tenants/archipel/deletion", {"confirm": "archipel"}))["delete_after"]
    assert read(olga.delete("/tenants/archipel/deletion"))["state"] == "active"


def test_another_tenant_is_not_there(bob: Asking) -> None:
    assert problem(bob.get("/tenants/archipel/standing")) == (404, "tenant_not_found")
    assert problem(bob.get("/accounts/shop/standing")) == (404, "account_not_found")
