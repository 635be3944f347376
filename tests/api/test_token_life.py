"""Tokens: what they may, how they are rotated, when they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Role
from controlplane.tenants.models import ApiToken, AuditEvent, Member
from controlplane.tenants.services import digest_of
from tests.api.asking import WISH, Asking, problem, read
from tests.signed_in import browse, present, text
from tests.world import World, member

pytestmark = pytest.mark.django_db


def make(asking: Asking, **fields: Any) -> dict[str, Any]:
    response = asking.post("/tokens", {"name": "ci", **fields})
    assert response.status_code == 201, response.content
    made: dict[str, Any] = read(response)
    assert response["Cache-Control"] == "no-store"
    return made


def test_the_secret_is_told_once_and_kept_nowhere(alice: Asking) -> None:
    made = make(alice)
    told = alice.get(f"/tokens/{made['id']}")
    assert made["token"] not in told.content.decode()
    row = ApiToken.objects.get(pk=made["id"])
    assert bytes(row.digest) == digest_of(made["token"])
    assert made["token"].startswith(made["prefix"])
    assert made["token"] not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], {"GET"}),
        (["runtimes"], {"GET", "order"}),
        (["admin"], {"GET", "account"}),
        (["runtimes", "admin"], {"GET", "order", "account"}),
    ],
)
def test_a_token_may_what_its_role_and_its_scopes_may(
    alice: Asking, scopes: list[str], allowed: set[str]
) -> None:
    token = Asking(token=make(alice, scopes=scopes)["token"])
    done = {
        "GET": token.get("/runtimes").status_code == 200,
        "order": token.post("/runtimes", WISH).status_code == 202,
        "account": token.post("/accounts", {"slug": "labor", "name": "Labor"}).status_code == 201,
    }
    assert {what for what, went in done.items() if went} == allowed


def test_a_narrow_token_makes_no_wider_one(alice: Asking) -> None:
    narrow = Asking(token=make(alice, scopes=["admin"])["token"])
    answer = narrow.post("/tokens", {"name": "wide", "scopes": ["runtimes"]})
    assert problem(answer) == (403, "role_above_own")
    assert narrow.post("/tokens", {"name": "same", "scopes": ["admin"]}).status_code == 201


def test_nobody_makes_one_above_their_role(alice: Asking) -> None:
    assert problem(alice.post("/tokens", {"name": "x", "role": "owner"})) == (403, "role_above_own")


def test_after_rotation_both_secrets_work_until_the_overlap_ends(alice: Asking) -> None:
    made = make(alice)
    rotated = read(alice.post(f"/tokens/{made['id']}/rotate", {"overlap_hours": 2}))
    assert rotated["previous"]["prefix"] == made["prefix"]
    old, new = Asking(token=made["token"]), Asking(token=rotated["token"])
    assert old.get("/me").status_code == new.get("/me").status_code == 200
    ApiToken.objects.filter(pk=made["id"]).update(previous_until=utcnow() - timedelta(seconds=1))
    assert problem(old.get("/me")) == (401, "token_invalid")
    assert new.get("/me").status_code == 200


def test_without_overlap_the_old_secret_ends_at_once(alice: Asking) -> None:
    made = make(alice)
    rotated = read(alice.post(f"/tokens/{made['id']}/rotate", {"overlap_hours": 0}))
    assert rotated["previous"] is None
    assert problem(Asking(token=made["token"]).get("/me")) == (401, "token_invalid")


def test_a_second_rotation_never_ends_a_secret_before_its_promised_time(alice: Asking) -> None:
    made = make(alice)
    rotated = read(alice.post(f"/tokens/{made['id']}/rotate", {"overlap_hours": 2}))
    refused = alice.post(f"/tokens/{made['id']}/rotate", {"overlap_hours": 2})
    assert problem(refused) == (409, "rotation_under_way")
    assert made["prefix"] in read(refused)["detail"]
    for secret in (made["token"], rotated["token"]):
        assert Asking(token=secret).get("/me").status_code == 200
    last = read(alice.post(f"/tokens/{made['id']}/rotate", {"overlap_hours": 0}))
    for secret in (made["token"], rotated["token"]):
        assert problem(Asking(token=secret).get("/me")) == (401, "token_invalid")
    assert Asking(token=last["token"]).get("/me").status_code == 200
    assert alice.post(f"/tokens/{made['id']}/rotate").status_code == 200


def test_the_page_offers_only_what_a_second_rotation_can_do(alice: Asking, world: World) -> None:
    made = make(alice)
    page, address = browse(world.alice), f"/tokens/{made['id']}/rotate"
    assert "24 hours" in text(page.get(address))
    assert page.post(address, {"overlap_hours": "24"}).status_code == 200
    again = text(page.get(address))
    assert f"{made['prefix']}… works until" in again
    assert "24 hours" not in again
    assert page.post(address, {"overlap_hours": "24"}).status_code == 422
    assert Asking(token=made["token"]).get("/me").status_code == 200
    assert page.post(address, {"overlap_hours": "0"}).status_code == 200
    assert problem(Asking(token=made["token"]).get("/me")) == (401, "token_invalid")


def test_a_token_rotates_itself_but_does_not_live_longer(alice: Asking) -> None:
    made = make(alice, scopes=["read"])
    itself = Asking(token=made["token"])
    assert itself.post(f"/tokens/{made['id']}/rotate", {"expires_in_days": 300}).status_code == 403
    assert read(itself.post(f"/tokens/{made['id']}/rotate"))["expires_at"] == made["expires_at"]


def test_an_admin_gets_no_owner_s_secret_by_rotating(alice: Asking, world: World) -> None:
    olga = member("olga", world.archipel, Role.OWNER)
    answer = alice.post(f"/tokens/{olga.actor.token_id}/rotate")
    assert problem(answer) == (403, "role_above_own")
    assert Asking(olga).get("/me").status_code == 200


def test_revoking_ends_both_secrets(alice: Asking) -> None:
    made = make(alice)
    rotated = read(alice.post(f"/tokens/{made['id']}/rotate"))
    assert read(alice.delete(f"/tokens/{made['id']}"))["state"] == "revoked"
    for secret in (made["token"], rotated["token"]):
        assert problem(Asking(token=secret).get("/me")) == (401, "token_invalid")
    assert problem(alice.post(f"/tokens/{made['id']}/rotate")) == (409, "token_ended")


@pytest.mark.parametrize("days", [367, 36500])
def test_no_token_outlives_the_setting(alice: Asking, days: int) -> None:
    assert problem(alice.post("/tokens", {"name": "x", "expires_in_days": days})) == (422, "expiry_invalid")


def test_names_of_valid_tokens_differ(alice: Asking) -> None:
    make(alice)
    assert problem(alice.post("/tokens", {"name": "ci"})) == (409, "name_taken")


def test_a_service_account_s_tokens_have_its_role_and_end_with_it(alice: Asking) -> None:
    program = read(alice.post("/service-accounts", {"name": "pipeline", "role": "developer"}))
    made = make(alice, service_account=program["id"])
    assert made["role"] == "developer"
    token = Asking(token=made["token"])
    assert read(alice.patch(f"/service-accounts/{program['id']}", {"role": "viewer"}))["role"] == "viewer"
    assert problem(token.post("/runtimes", WISH)) == (403, "forbidden")
    assert alice.delete(f"/service-accounts/{program['id']}").status_code == 200
    assert problem(token.get("/me")) == (401, "token_invalid")


def test_another_tenant_s_service_account_is_unknown(alice: Asking, bob: Asking) -> None:
    theirs = read(bob.post("/service-accounts", {"name": "theirs", "role": "viewer"}))
    answer = alice.post("/tokens", {"name": "x", "service_account": theirs["id"]})
    assert problem(answer) == (422, "service_account_unknown")


def test_who_is_removed_loses_tokens_sessions_and_sight_at_once(alice: Asking, world: World) -> None:
    adam = member("adam", world.archipel, Role.ADMIN)
    client = browse(adam)
    page = client.post(
        "/tokens/", {"name": "mine", "role": "viewer", "scopes": "read", "expires_in_days": "9"}
    )
    secret = next(word for word in text(page).split() if word.startswith("nesoi_") and len(word) > 40)
    assert Asking(token=secret).get("/me").status_code == 200
    assert alice.delete(f"/members/{adam.user.id}").status_code == 200
    assert problem(Asking(token=secret).get("/me")) == (401, "token_invalid")
    assert client.get("/").status_code == 302
    assert browse(adam).get("/").status_code == 403


def test_who_is_demoted_keeps_what_the_new_role_could_make(alice: Asking, world: World) -> None:
    adam = member("adam", world.archipel, Role.ADMIN)
    client = browse(adam)
    for role in ("viewer", "admin"):
        form = {"name": role, "role": role, "scopes": "read", "expires_in_days": "9"}
        assert client.post("/tokens/", form).status_code == 200
    alice.patch(f"/members/{adam.user.id}", {"role": "developer"})
    rows = ApiToken.objects.filter(created_by_user=adam.user, revoked_at=None)
    assert [row.name for row in rows] == ["viewer"]


def test_an_admin_neither_makes_nor_unmakes_owners(alice: Asking, world: World) -> None:
    olga = member("olga", world.archipel, Role.OWNER)
    present(world.vera)
    assert problem(alice.patch(f"/members/{world.vera.user.id}", {"role": "owner"})) == (
        403,
        "role_above_own",
    )
    assert problem(alice.patch(f"/members/{olga.user.id}", {"role": "viewer"})) == (403, "forbidden")
    assert problem(alice.delete(f"/members/{olga.user.id}")) == (403, "forbidden")
    assert Asking(olga).patch(f"/members/{world.vera.user.id}", {"role": "owner"}).status_code == 200
    assert Member.objects.filter(role="owner").count() == 2
